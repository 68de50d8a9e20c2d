import type { Duplex } from "node:stream";
import type { Clock } from "./clock.ts";
import type { Connection } from "./connection.ts";
import type { InstanceAccess } from "./instance-access.ts";

/**
 * Sends a CancelRequest on a stream of its own (https://www.postgresql.org/docs/current/protocol-flow.html). Answers
 * whether the server took it, which says nothing of its effect. Never rejects.
 */
export async function cancelStatement(
  { backendKey, target }: Pick<Connection, "backendKey" | "target">,
  { access, clock, timeoutMs }: { access: InstanceAccess; clock: Clock; timeoutMs: number },
): Promise<boolean> {
  if (backendKey === undefined) return false;
  const { promise, resolve } = Promise.withResolvers<boolean>();
  let stream: Duplex | undefined;
  let isOver = false;
  let isSent = false;
  const finish = (taken: boolean): void => {
    isOver = true;
    resolve(taken);
    stream?.destroy();
  };
  const cancelTimer = clock.after(timeoutMs, () => finish(false));
  access.openStream(target, { timeoutMs }).then(
    (openStream) => {
      if (isOver) return;
      stream = openStream();
      stream.on("error", () => finish(false));
      // The server answers by closing, when it has passed the request on.
      for (const event of ["end", "close"]) stream.on(event, () => finish(isSent));
      stream.once("connect", () => {
        stream?.write(cancelRequest(backendKey.processId, backendKey.secretKey));
        isSent = true;
      });
      stream.resume();
      startConnecting(stream);
    },
    () => finish(false),
  );
  const taken = await promise;
  cancelTimer();
  return taken;
}

function cancelRequest(processId: number, secretKey: number): Buffer {
  const message = Buffer.alloc(16);
  message.writeInt32BE(16, 0);
  message.writeInt32BE(80_877_102, 4);
  message.writeInt32BE(processId, 8);
  message.writeInt32BE(secretKey, 12);
  return message;
}

/** As pg does with a stream that it was given; one of the Cloud SQL connector connects by itself. */
function startConnecting(stream: Duplex): void {
  if ("connect" in stream && typeof stream.connect === "function") stream.connect(5432, "cloudsql");
}

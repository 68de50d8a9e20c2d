import { answerParent } from "./child.ts";
import { type Load, runLoad } from "./load-clients.ts";
import { httpProtocol } from "./load-http.ts";
import { wireProtocol } from "./load-wire.ts";

/** One load, of HTTP requests or of queries. */
export type LoadOrder = Load &
  (
    | {
        readonly path: string;
        readonly body: object;
        readonly headers?: Readonly<Record<string, string>>;
      }
    | { readonly query: string; readonly user: string; readonly database: string }
  );

/** The load generator's process. */
answerParent<LoadOrder>(async (order) => {
  const protocol =
    "path" in order
      ? httpProtocol(`${order.host}:${order.port}`, order.path, order.body, order.headers)
      : wireProtocol(order);
  return runLoad(order, protocol);
});

import { setTimeout as sleep } from "node:timers/promises";
import type { AccountType } from "../domain/account.ts";
import type { Instance } from "../domain/target.ts";
import { ServiceError } from "../errors.ts";
import { cloudServices } from "./cloud-services.ts";
import type { CloudOperation, CloudUser } from "./cloud-users.ts";
import type { Call, Context } from "./context.ts";
import type { Step } from "./long-operation.ts";

const firstPauseMs = 50;
const longestPauseMs = 2_000;

/** The user as the Admin API lists it. */
export async function findCloudUser(
  context: Context,
  call: Call,
  instance: Instance,
  name: string,
): Promise<CloudUser | undefined> {
  const users = await cloudServices(context).users.list(instance, { signal: call.signal });
  return users.find((user) => user.name === name);
}

/** Makes an IAM principal a user of the instance, unless it is one. */
export function createCloudUser(
  context: Context,
  call: Call,
  instance: Instance,
  user: { readonly name: string; readonly type: Exclude<AccountType, "built_in"> },
): Step {
  return {
    about: { kind: "cloud_sql_api", description: `Create the user ${user.name} in Cloud SQL` },
    async run() {
      if ((await findCloudUser(context, call, instance, user.name)) !== undefined) return { changed: false };
      const { users } = cloudServices(context);
      const operation = await users
        .insert(instance, user, { signal: call.signal })
        .catch((error: unknown) => {
          // Made by somebody else meanwhile, or by an attempt whose answer was lost.
          if (error instanceof ServiceError && error.details.reason === "alreadyExists") return undefined;
          throw error;
        });
      if (operation !== undefined) await untilDone(context, call, instance, operation);
      return { changed: true };
    },
  };
}

export function deleteCloudUser(context: Context, call: Call, instance: Instance, name: string): Step {
  return {
    about: { kind: "cloud_sql_api", description: `Delete the user ${name} in Cloud SQL` },
    async run() {
      const { users } = cloudServices(context);
      if ((await findCloudUser(context, call, instance, name)) === undefined) return { changed: false };
      const operation = await users.delete(instance, name, { signal: call.signal });
      if (operation === undefined) return { changed: false };
      await untilDone(context, call, instance, operation);
      return { changed: true };
    },
  };
}

async function untilDone(
  context: Context,
  call: Call,
  instance: Instance,
  begun: CloudOperation,
): Promise<void> {
  const { users } = cloudServices(context);
  let operation = begun;
  for (let pauseMs = firstPauseMs; !operation.done; pauseMs = Math.min(pauseMs * 1.5, longestPauseMs)) {
    await sleep(pauseMs, undefined, { signal: call.signal }).catch(() => call.signal.throwIfAborted());
    operation = await users.readOperation(instance, begun.name, { signal: call.signal });
  }
  if (operation.failure === undefined) return;
  throw new ServiceError("unavailable", "Cloud SQL could not do it; repeat the call to try again.", {
    retryAfterS: 10,
    details: { source: "sqladmin.googleapis.com", code: operation.failure, cloud_sql_operation: begun.name },
  });
}

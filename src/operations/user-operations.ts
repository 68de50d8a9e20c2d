import { accountTypes } from "../domain/account.ts";
import { ServiceError } from "../errors.ts";
import type { Call, Context } from "./context.ts";
import { followOperation, resumeAbandoned, type Work } from "./long-operation.ts";
import type { StoredOperation } from "./operation-store.ts";
import { rotationWork } from "./password-rotation-work.ts";
import { createUserWork, type InitialRole } from "./user-create.ts";
import { removeUserWork } from "./user-remove.ts";

/** An operation on a user, as it is now; one that nobody works on any more is gone on with. */
export function readOperation(
  context: Context,
  call: Call,
  input: { readonly id: string; readonly waitMs: number },
): Promise<StoredOperation> {
  return followOperation(context, call, input, (operation) => workOf(context, operation));
}

/** Goes on with operations whose process ended before them, as after a start; see resumeAbandoned. */
export function resumeOperations(context: Context, call: Call): Promise<number> {
  return resumeAbandoned(context, call, (operation) => workOf(context, operation));
}

function workOf(context: Context, { action, target, input, id }: StoredOperation): Work {
  const { username, type, initialRoles, force, newOwner } = input;
  const unreadable = (): ServiceError =>
    new ServiceError(
      "internal_error",
      `The operation ${id} cannot be gone on with: ${action} is not known here.`,
    );
  if (typeof username !== "string") throw unreadable();
  switch (action) {
    case "createUser": {
      const known = accountTypes.find((each) => each === type);
      if (known === undefined || !Array.isArray(initialRoles)) throw unreadable();
      const roles = initialRoles.filter(isInitialRole);
      return createUserWork(context, target, { username, type: known, initialRoles: roles });
    }
    case "deleteUser":
    case "offboardUser":
      return removeUserWork(context, target, {
        username,
        force: force === true,
        ...(typeof newOwner === "string" ? { newOwner } : {}),
      });
    case "rotatePassword": {
      const { base } = input;
      return rotationWork(context, target, { user: username, base: typeof base === "string" ? base : null });
    }
    default:
      throw unreadable();
  }
}

function isInitialRole(value: unknown): value is InitialRole {
  return (
    typeof value === "object" &&
    value !== null &&
    "schema" in value &&
    "role" in value &&
    typeof value.schema === "string" &&
    typeof value.role === "string"
  );
}

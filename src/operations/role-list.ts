import type { Target } from "../domain/target.ts";
import type { Call, Context } from "./context.ts";

/** Names of the instance's roles, sorted, without system roles; with a schema, only those that hold something in it. */
export async function listRoles(
  _context: Context,
  _call: Call,
  _target: Target,
  _input: { readonly schema?: string },
): Promise<string[]> {
  throw new Error("to come");
}

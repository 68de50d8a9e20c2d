import type { Target } from "../domain/target.ts";
import type { Call, Context } from "./context.ts";

export type UserType = "iam_user" | "iam_service_account" | "iam_group" | "built_in" | "system";

export interface UserInfo {
  readonly username: string;
  /** Managed and other group roles that the user holds, directly or through another role; sorted. */
  readonly roles: readonly string[];
  readonly isIamUser: boolean;
  readonly userType: UserType;
  /** Effective privileges on the schema: USAGE, CREATE. */
  readonly permissions: readonly string[];
  readonly privileges: {
    readonly canLogin: boolean;
    readonly isSuperuser: boolean;
    readonly canCreateDb: boolean;
    readonly canCreateRole: boolean;
  };
}

export interface UserList {
  readonly users: readonly UserInfo[];
  /** Names of the system users that were left out, sorted. */
  readonly systemUsersExcluded: readonly string[];
}

/** The instance's users as they stand to one schema. */
export async function listUsers(
  _context: Context,
  _call: Call,
  _target: Target,
  _input: { readonly schema: string },
): Promise<UserList> {
  throw new Error("to come");
}

import { invalidField } from "../errors.ts";
import { parseUsername, type UsernameKind } from "./iam-user.ts";

/** The types of users, and what the Cloud SQL Admin API calls them. */
export const cloudUserTypes = {
  built_in: "BUILT_IN",
  iam_user: "CLOUD_IAM_USER",
  iam_service_account: "CLOUD_IAM_SERVICE_ACCOUNT",
  iam_group: "CLOUD_IAM_GROUP",
} as const;

export type AccountType = keyof typeof cloudUserTypes;
export const accountTypes = Object.keys(cloudUserTypes) as readonly AccountType[];

const nameKinds: Readonly<Record<AccountType, UsernameKind>> = {
  built_in: "role",
  iam_user: "email",
  iam_group: "email",
  iam_service_account: "service_account",
};

const shapes: Readonly<Record<AccountType, string>> = {
  built_in: "must not be an e-mail address: that is what IAM principals are called; choose another name",
  iam_user: "must be the user's e-mail address, such as alice@example.com",
  iam_group: "must be the group's e-mail address, such as team@example.com",
  iam_service_account: "must be a service account's address, such as app@project.iam.gserviceaccount.com",
};

/** The PostgreSQL name of a user of that type; refuses a name that no such user can have. */
export function parseAccountName(field: string, name: string, type: AccountType): string {
  const { normalized, kind } = parseUsername(field, name);
  if (kind !== nameKinds[type]) throw invalidField(field, shapes[type]);
  return normalized;
}

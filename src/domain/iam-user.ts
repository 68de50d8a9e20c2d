import { invalidField } from "../errors.ts";
import { identifierFault, isSystemRole } from "./names.ts";

export type UsernameKind = "email" | "service_account" | "role";

export interface Username {
  /** The role's name in PostgreSQL. */
  readonly normalized: string;
  readonly kind: UsernameKind;
}

// No spaces, quotes, brackets or list separators; an apostrophe is legal (o'brien@example.com).
const address = /^[^\s@"<>()[\]\\,;:]+@[^\s@"<>()[\]\\,;:]+$/u;
const dottedDomain = /@[^.]+(\.[^.]+)+$/u;
const serviceAccountSuffix = ".gserviceaccount.com";
const shortServiceAccount = /@([^@]+\.iam|developer|appspot|cloudservices)$/u;

/**
 * The PostgreSQL role name that Cloud SQL gives a user
 * (https://cloud.google.com/sql/docs/postgres/add-manage-iam-users). An e-mail address is lower-cased, a service
 * account loses exactly `.gserviceaccount.com` (and may come without it), any other name is a PostgreSQL role and
 * stays as it is. Throws a `validation_error` for what no user can be called, such as more than 63 bytes after
 * this, or a reserved role name.
 */
export function parseUsername(field: string, value: string): Username {
  const username = normalizeUsername(value);
  const fault = identifierFault(username.normalized) ?? usernameFault(value, username);
  if (fault !== undefined) throw invalidField(field, fault);
  return username;
}

function normalizeUsername(value: string): Username {
  const lower = value.toLowerCase();
  if (!address.test(lower)) return { normalized: value, kind: "role" };
  if (lower.endsWith(serviceAccountSuffix) && dottedDomain.test(lower)) {
    return { normalized: lower.slice(0, -serviceAccountSuffix.length), kind: "service_account" };
  }
  if (shortServiceAccount.test(lower)) return { normalized: lower, kind: "service_account" };
  if (dottedDomain.test(lower)) return { normalized: lower, kind: "email" };
  return { normalized: value, kind: "role" };
}

function usernameFault(value: string, username: Username): string | undefined {
  if (username.kind === "role") {
    if (isSystemRole(value)) return "is a reserved role name; name a user";
    if (normalizeUsername(value.trim()).kind !== "role")
      return "must not have white space around the address";
    return undefined;
  }
  // `cloudsql-proxy@p.iam` is an ordinary service account, but no role at all may start with pg_ (42939).
  return username.normalized.startsWith("pg_")
    ? "starts with pg_, which PostgreSQL keeps for itself"
    : undefined;
}

export type IamKind = "iam_user" | "iam_service_account" | "iam_group";

const iamKinds: Readonly<Record<string, IamKind>> = {
  cloudsqliamuser: "iam_user",
  cloudsqliamgroupuser: "iam_user",
  cloudsqliamworkforceidentity: "iam_user",
  cloudsqliamserviceaccount: "iam_service_account",
  cloudsqliamgroupserviceaccount: "iam_service_account",
  cloudsqliamgroup: "iam_group",
};

/** The roles whose direct members Cloud SQL authenticates through IAM. */
export const iamRoles: readonly string[] = Object.keys(iamKinds);

/**
 * What kind of IAM principal a role is, from the roles that it is a **direct** member of; undefined for a built-in
 * user. Who was granted an IAM user's role is an indirect member of cloudsqliamuser, and no IAM user for that.
 */
export function iamKind(directMemberOf: readonly string[]): IamKind | undefined {
  const found = directMemberOf.find((role) => Object.hasOwn(iamKinds, role));
  return found === undefined ? undefined : iamKinds[found];
}

import { iamKind } from "../domain/iam-user.ts";
import type { Target } from "../domain/target.ts";
import { readIsIamMember } from "../postgres/authority.ts";
import { type LoginRow, readLogins } from "../postgres/reads/accounts.ts";
import type { UserRow } from "../postgres/reads/users.ts";
import { type Account, type AccountSources, readAccounts } from "./accounts.ts";
import type { Call, Context } from "./context.ts";

export type UserFindingKind =
  | "orphan_in_postgresql"
  | "orphan_in_cloud_sql"
  | "iam_user_cannot_login"
  | "login_without_grants"
  | "admin_is_iam_member";

export interface UserFinding {
  readonly kind: UserFindingKind;
  readonly username: string;
  readonly detail: string;
  /** What may mend it, for people. */
  readonly remedy: string;
}

export interface Reconciliation {
  readonly users: number;
  readonly findings: readonly UserFinding[];
}

/** Where Cloud SQL's users and PostgreSQL's roles do not fit together. Changes nothing. */
export async function reconcileUsers(context: Context, call: Call, target: Target): Promise<Reconciliation> {
  const findings: UserFinding[] = [];
  const inspected = await readAccounts(context, call, target, async (session, sources) => {
    if (await readIsIamMember(session)) findings.push(adminFinding(context.settings.adminUser));
    const logins = await readLogins(
      session,
      sources.roles.map(({ name }) => name),
    );
    findings.push(...findAll(sources, logins));
  });
  return { users: inspected.accounts.length, findings };
}

function adminFinding(admin: string): UserFinding {
  return {
    kind: "admin_is_iam_member",
    username: admin,
    detail: `${admin} is a member of an IAM role, directly or through a user's role: Cloud SQL takes its login for an IAM login and refuses its password (28000).`,
    remedy: `End the membership while a connection is open: REVOKE the user's role FROM ${admin}, or /database/postgres-inheritance/revoke.`,
  };
}

function findAll(
  { accounts, roles, cloud }: AccountSources,
  logins: ReadonlyMap<string, LoginRow>,
): UserFinding[] {
  const rows = new Map(roles.map((row) => [row.name, row]));
  const types = new Map(cloud.map(({ name, type }) => [name, type]));
  return accounts.flatMap((account): UserFinding[] => {
    const row = rows.get(account.username);
    const login = logins.get(account.username);
    const orphan = orphanFinding(account);
    if (orphan !== undefined || row === undefined) return orphan === undefined ? [] : [orphan];
    const blocked = loginFault(account, row, types.get(account.username), login);
    return [
      ...(blocked === undefined ? [] : [blocked]),
      ...(holdsNothing(account, login) && row.canLogin ? [withoutGrants(account)] : []),
    ];
  });
}

function orphanFinding({ username, status, type }: Account): UserFinding | undefined {
  if (status === "missing_in_postgresql") {
    return {
      kind: "orphan_in_cloud_sql",
      username,
      detail: "Cloud SQL lists the user, and PostgreSQL has no such role: nobody can log in as it.",
      remedy: "/users/delete it, and /users/create it again if it is still wanted.",
    };
  }
  if (status !== "missing_in_cloud_sql") return undefined;
  const iam = type === "built_in" ? "a login" : "an IAM principal";
  return {
    kind: "orphan_in_postgresql",
    username,
    detail: `PostgreSQL has ${iam} of that name that Cloud SQL does not list.`,
    remedy: "Find out who made it; /database/users/cleanup frees it of what it owns and holds.",
  };
}

/** Of an IAM user or service account: a group is no login. */
function loginFault(
  { username, type }: Account,
  row: UserRow,
  listedAs: string | undefined,
  login: LoginRow | undefined,
): UserFinding | undefined {
  const isIam =
    listedAs === "iam_user" ||
    listedAs === "iam_service_account" ||
    type === "iam_user" ||
    type === "iam_service_account";
  if (!isIam) return undefined;
  const because = !row.canLogin
    ? "its role is NOLOGIN"
    : iamKind(row.directMemberOf) === undefined
      ? "its role is no member of cloudsqliamuser or cloudsqliamserviceaccount, so Cloud SQL asks it for a password"
      : login?.expired === true
        ? "its role is no longer valid (VALID UNTIL)"
        : login?.shutOut === true
          ? "its role may have no connection (CONNECTION LIMIT 0)"
          : undefined;
  if (because === undefined) return undefined;
  const detail = `The IAM principal cannot log in: ${because}.`;
  const remedy = "Cloud SQL keeps this right itself: delete the user and create it again.";
  return { kind: "iam_user_cannot_login", username, detail, remedy };
}

function holdsNothing(account: Account, login: LoginRow | undefined): boolean {
  return account.memberships.length + account.otherRoles.length === 0 && login?.holdsAnything === false;
}

function withoutGrants({ username }: Account): UserFinding {
  return {
    kind: "login_without_grants",
    username,
    detail:
      "It may log in, and holds no role and no privilege of its own in any database: only what everybody holds.",
    remedy: "/roles/assign what it needs, or /users/delete it.",
  };
}

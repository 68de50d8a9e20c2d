import type { AccountType } from "../domain/account.ts";
import { iamKind, iamRoles } from "../domain/iam-user.ts";
import { parseRoleMark, roleMarkPrefix } from "../domain/managed-role.ts";
import { isSystemRole } from "../domain/names.ts";
import type { Target } from "../domain/target.ts";
import { readActivity } from "../postgres/reads/accounts.ts";
import { readUsers, type UserRow } from "../postgres/reads/users.ts";
import { readRoles, readRolesByComment } from "../postgres/role-catalog.ts";
import type { Session } from "../postgres/session.ts";
import { sweepBeforeRead } from "./access-sweep.ts";
import { cloudServices } from "./cloud-services.ts";
import type { CloudUser } from "./cloud-users.ts";
import type { Call, Context } from "./context.ts";

/**
 * `missing_in_postgresql`: Cloud SQL lists a user that is no role. `missing_in_cloud_sql`: a login that Cloud SQL does
 * not list.
 */
export type AccountStatus = "active" | "cannot_login" | "missing_in_postgresql" | "missing_in_cloud_sql";

export interface Account {
  readonly username: string;
  readonly type: AccountType | "unknown";
  readonly status: AccountStatus;
  /** The managed roles that it holds, directly or not, by their database, in every database of the instance. */
  readonly memberships: readonly { readonly database: string; readonly roles: readonly string[] }[];
  /** The other roles that it holds, but for those that tell an IAM principal. */
  readonly otherRoles: readonly string[];
  readonly sessions: number;
  /** Of the sessions that it has now; null when there is none, or it is hidden: nothing is kept of those that ended. */
  readonly lastActivity: Date | null;
}

/** Both sides of an instance's users, as they were read. */
export interface AccountSources {
  readonly cloud: readonly CloudUser[];
  /** Logins and IAM groups, without system users. */
  readonly roles: readonly UserRow[];
  readonly accounts: readonly Account[];
}

/** The instance's users: what the Cloud SQL Admin API lists, joined with PostgreSQL's roles; sorted by name. */
export async function listAccounts(
  context: Context,
  call: Call,
  target: Target,
): Promise<readonly Account[]> {
  const due = sweepBeforeRead(context, call, target);
  if (due !== undefined) await due;
  return (await readAccounts(context, call, target)).accounts;
}

/** `inspect` may read more in the same session. */
export async function readAccounts(
  context: Context,
  call: Call,
  target: Target,
  inspect: (session: Session, sources: AccountSources) => Promise<void> = async () => {},
): Promise<AccountSources> {
  const cloud = (await cloudServices(context).users.list(target, { signal: call.signal })).filter(
    ({ name }) => !isSystemAccount(name, context.settings.adminUser, undefined),
  );
  const borrow = { operation: call.operation, signal: call.signal };
  return context.pools.withSession(target, borrow, async (session) => {
    const roles = (await readUsers(session, iamRoles)).filter(
      (row) => !row.isSuperuser && !isSystemAccount(row.name, context.settings.adminUser, row),
    );
    const activity = await readActivity(session);
    const managed = new Map(
      (await readRolesByComment(session, roleMarkPrefix)).map(({ name, comment }) => [
        name,
        parseRoleMark(comment)?.database,
      ]),
    );
    const byName = new Map(cloud.map((user) => [user.name, user]));
    const known = roles.map((row): Account => {
      const active = activity.get(row.name);
      return {
        username: row.name,
        type: iamKind(row.directMemberOf) ?? byName.get(row.name)?.type ?? "built_in",
        status: statusOf(row, byName.has(row.name)),
        ...splitRoles(row, managed),
        sessions: active?.sessions ?? 0,
        lastActivity: active?.lastActivity ?? null,
      };
    });
    const present = new Set(known.map(({ username }) => username));
    const others = cloud.filter(({ name }) => !present.has(name));
    const asRoles = await readRoles(
      session,
      others.map(({ name }) => name),
    );
    const rest = others.map((user) =>
      unlisted(user, asRoles.has(user.name) ? "cannot_login" : "missing_in_postgresql"),
    );
    const accounts = [...known, ...rest].sort((a, b) => (a.username < b.username ? -1 : 1));
    const sources = { cloud, roles, accounts };
    await inspect(session, sources);
    return sources;
  });
}

/** An IAM principal is never a system user, though a service account may be called `cloudsql-proxy@...`. */
function isSystemAccount(name: string, adminUser: string, row: UserRow | undefined): boolean {
  if (name === adminUser) return true;
  if (row === undefined) return isSystemRole(name) && !name.includes("@");
  return isSystemRole(name) && iamKind(row.directMemberOf) === undefined;
}

/** A group is no login: its members are. */
function statusOf(row: UserRow, listed: boolean): AccountStatus {
  if (!listed) return "missing_in_cloud_sql";
  return row.canLogin || iamKind(row.directMemberOf) === "iam_group" ? "active" : "cannot_login";
}

function splitRoles(
  row: UserRow,
  managed: ReadonlyMap<string, string | undefined>,
): Pick<Account, "memberships" | "otherRoles"> {
  const byDatabase = new Map<string, string[]>();
  const otherRoles: string[] = [];
  for (const role of row.roles.filter((name) => !iamRoles.includes(name))) {
    const database = managed.get(role);
    if (database === undefined) otherRoles.push(role);
    else byDatabase.set(database, [...(byDatabase.get(database) ?? []), role]);
  }
  const memberships = [...byDatabase].map(([database, roles]) => ({ database, roles }));
  return { memberships: memberships.sort((a, b) => (a.database < b.database ? -1 : 1)), otherRoles };
}

function unlisted({ name, type }: CloudUser, status: AccountStatus): Account {
  return {
    username: name,
    type: type ?? "unknown",
    status,
    memberships: [],
    otherRoles: [],
    sessions: 0,
    lastActivity: null,
  };
}

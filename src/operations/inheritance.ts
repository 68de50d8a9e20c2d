import type { Statement, StatementPreview } from "../domain/plan.ts";
import type { Target } from "../domain/target.ts";
import { ServiceError } from "../errors.ts";
import { readAuthority, readUngrantable } from "../postgres/authority.ts";
import { type Membership, readMemberships } from "../postgres/role-catalog.ts";
import type { Session } from "../postgres/session.ts";
import { letGrant } from "../postgres/statements/administrator.ts";
import {
  grantMembership,
  membershipOptionsSince,
  revokeMembership,
} from "../postgres/statements/memberships.ts";
import type { Decide, Decision } from "./apply.ts";
import { planOf, runChange } from "./change.ts";
import type { Call, Context } from "./context.ts";
import { findPrincipal, type Principal, parsePrincipalName } from "./principals.ts";

export interface InheritanceInput {
  readonly username: string;
  /** Ask for a membership that stays; locks the admin out when the user is an IAM principal. */
  readonly standing?: boolean;
  readonly acknowledgeAdminLockout?: boolean;
  readonly dryRun?: boolean;
}

export interface InheritanceGrantResult {
  readonly normalizedUsername: string;
  /** Nothing had to be changed for the admin to manage the user. */
  readonly alreadyGranted: boolean;
  readonly mode: "on_demand" | "standing";
  readonly plan?: readonly StatementPreview[];
  readonly warnings: readonly string[];
}

export interface InheritanceRevokeResult {
  readonly normalizedUsername: string;
  readonly alreadyRevoked: boolean;
  readonly plan?: readonly StatementPreview[];
  readonly warnings: readonly string[];
}

/**
 * Says whether the admin can manage a user. It takes membership inside each transaction that needs it, because a
 * standing membership in an IAM role makes Cloud SQL treat the admin's own login as an IAM login and refuse its
 * password (28000). `standing` asks for that anyway: `conflict` without `acknowledgeAdminLockout`.
 */
export async function grantInheritance(
  context: Context,
  call: Call,
  target: Target,
  input: InheritanceInput,
): Promise<InheritanceGrantResult> {
  const username = parsePrincipalName(context, input.username);
  const standing = input.standing ?? false;
  const decide: Decide<undefined> = async (session) => {
    const user = await findPrincipal(session, context, username);
    return standing ? decideStanding(session, user, input) : decideOnDemand(session, user);
  };
  const summary = `let ${context.settings.adminUser} act for ${username.normalized} (${standing ? "standing" : "on demand"})`;
  const subject = { summary, username: username.normalized };
  const dryRun = input.dryRun === true || !standing;
  const change = await runChange(context, call, target, { dryRun, subject, decide });
  return {
    normalizedUsername: username.normalized,
    alreadyGranted: change.statements.length === 0,
    mode: standing ? "standing" : "on_demand",
    ...planOf(input.dryRun, change),
    warnings: change.warnings,
  };
}

/** Ends the admin's standing membership in a user's role, whoever granted it; on demand it holds none. */
export async function revokeInheritance(
  context: Context,
  call: Call,
  target: Target,
  input: InheritanceInput,
): Promise<InheritanceRevokeResult> {
  const username = parsePrincipalName(context, input.username);
  const decide: Decide<undefined> = async (session) => {
    const user = await findPrincipal(session, context, username);
    const rows = await readStanding(session, user.name);
    return { statements: rows.map((row) => revokeRow(session, row)), warnings: [], result: undefined };
  };
  const summary = `end the membership of ${context.settings.adminUser} in ${username.normalized}`;
  const subject = { summary, username: username.normalized };
  const change = await runChange(context, call, target, { dryRun: input.dryRun ?? false, subject, decide });
  return {
    normalizedUsername: username.normalized,
    alreadyRevoked: change.statements.length === 0,
    ...planOf(input.dryRun, change),
    warnings: change.warnings,
  };
}

async function decideOnDemand(session: Session, user: Principal): Promise<Decision<undefined>> {
  const authority = (await readAuthority(session, [user.name])).get(user.name);
  if (authority !== "refused")
    return { statements: [], warnings: await lockoutWarning(session, user), result: undefined };
  const because =
    `${session.user} has no ADMIN OPTION on ${user.name}, and from PostgreSQL 16 on it may not grant itself a role ` +
    "without it";
  const ungrantable = await readUngrantable(session, [user.name]);
  throw new ServiceError("conflict", `The admin cannot manage ${user.name}: ${because}.`, {
    details: {
      because,
      username: user.name,
      // Whoever grants an IAM principal to the admin locks it out: nothing makes this possible.
      administrator_sql: ungrantable.has(user.name) ? [] : [letGrant(user.name, session.user)],
      still_possible: "roles/assign and roles/revoke, which need no membership",
    },
  });
}

async function decideStanding(
  session: Session,
  user: Principal,
  input: InheritanceInput,
): Promise<Decision<undefined>> {
  if (input.acknowledgeAdminLockout !== true) {
    throw new ServiceError(
      "conflict",
      "A standing membership turns the admin's login into an IAM login, which refuses its password (28000). " +
        "The service works without it; to ask for it anyway send acknowledge_admin_lockout: true.",
      {
        details: {
          username: user.name,
          because: "acknowledge_admin_lockout is not true",
          administrator_sql: [],
        },
      },
    );
  }
  const rows = await readStanding(session, user.name);
  const { versionNum, target } = session;
  const membership = { database: target.database, versionNum, role: user.name, member: session.user };
  const statements: Statement[] = rows.some((row) => row.inherit) ? [] : [grantMembership(membership)];
  return {
    mayLockOutAdmin: true,
    statements,
    warnings: user.iamKind === undefined ? [] : [lockout(session, user.name)],
    result: undefined,
  };
}

async function lockoutWarning(session: Session, user: Principal): Promise<string[]> {
  if (user.iamKind === undefined) return [];
  const rows = await readStanding(session, user.name);
  return rows.length === 0 ? [] : [lockout(session, user.name)];
}

function lockout(session: Session, user: string): string {
  return `${session.user} is a standing member of ${user}: its next password login fails (28000) until that ends.`;
}

async function readStanding(session: Session, user: string): Promise<Membership[]> {
  return readMemberships(session, { roles: [user], members: [session.user] });
}

/** Without GRANTED BY where the grantor is not the admin: Cloud SQL lets cloudsqlsuperuser end what it granted. */
function revokeRow(session: Session, row: Membership): Statement {
  const { versionNum, user, target } = session;
  const grantor = versionNum >= membershipOptionsSince && row.grantor === user ? row.grantor : null;
  return revokeMembership({
    database: target.database,
    versionNum,
    role: row.role,
    member: row.member,
    grantor,
  });
}

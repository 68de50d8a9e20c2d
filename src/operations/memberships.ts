import { parseRoleMark } from "../domain/managed-role.ts";
import { parseIdentifier } from "../domain/names.ts";
import { emptyPlan, type Statement, type StatementPreview } from "../domain/plan.ts";
import type { Target } from "../domain/target.ts";
import { notFound, ServiceError } from "../errors.ts";
import { planTaking, readAuthority, readGrantable } from "../postgres/authority.ts";
import {
  type Membership,
  type RoleRow,
  readMemberships,
  readRoles,
  readRolesAbove,
} from "../postgres/role-catalog.ts";
import type { Session } from "../postgres/session.ts";
import { letGrant } from "../postgres/statements/administrator.ts";
import {
  grantMembership,
  membershipOptionsSince,
  revokeMembership,
} from "../postgres/statements/memberships.ts";
import { isChange, withStanding } from "./access-standing.ts";
import type { Decide, Decision } from "./apply.ts";
import { planOf, runChange } from "./change.ts";
import type { Call, Context } from "./context.ts";
import { planCreatorChange } from "./creator-coverage.ts";
import { findPrincipal, type Principal, parsePrincipalName } from "./principals.ts";
import { describePlace, fullRoleName, unsafeAttributes } from "./role-names.ts";
import { assertAllowedKind, assertMayGive, type RoleGiver } from "./role-permission.ts";
import { findReach } from "./role-reach.ts";
import { findSchema } from "./schema-lookup.ts";
import { createTemplateBook, type TemplateBook } from "./template-lookup.ts";

export interface MembershipInput {
  readonly schema: string;
  readonly username: string;
  /** The full name or a kind such as `reader`. */
  readonly role: string;
  readonly dryRun?: boolean;
}

export interface MembershipResult {
  readonly normalizedUsername: string;
  /** The role's full name. */
  readonly role: string;
  readonly changed: boolean;
  readonly plan?: readonly StatementPreview[];
  readonly warnings: readonly string[];
}

/** What of a user a membership depends on. */
export type Member = Pick<Principal, "name" | "inherits">;

type Plans = (
  session: Session,
  role: RoleRow,
  user: Member,
  book: TemplateBook,
) => Promise<Decision<undefined>>;

/**
 * Makes a user a member of a role. A user who may create in a schema through it gets default privileges there, so
 * that what it creates is covered. `not_found` (schema, role, user); `conflict` when the role is another schema's,
 * a login, or not the admin's to grant.
 */
export async function assignRole(
  context: Context,
  call: Call,
  target: Target,
  input: MembershipInput,
): Promise<MembershipResult> {
  return changeMembership(context, call, target, input, planAssignment);
}

/**
 * Ends a user's membership in a role, whoever granted it, and the default privileges that came with it. `conflict`
 * when a grantor's row cannot be revoked by the admin: then nothing is revoked.
 */
export async function revokeRole(
  context: Context,
  call: Call,
  target: Target,
  input: MembershipInput,
): Promise<MembershipResult> {
  return changeMembership(context, call, target, input, planRevocation);
}

async function changeMembership(
  context: Context,
  call: Call,
  target: Target,
  input: MembershipInput,
  plans: Plans,
): Promise<MembershipResult> {
  const schema = parseIdentifier("schema_name", input.schema);
  const roleName = fullRoleName(target, schema, input.role);
  assertAllowedKind(call, target, schema, roleName);
  const username = parsePrincipalName(context, input.username);
  const book = createTemplateBook(context);
  const verb = plans === planAssignment ? "assign" : "revoke";
  const decide: Decide<undefined> = async (session) => {
    await findSchema(session, schema);
    const find = verb === "assign" ? findGroupRole : findRevocableRole;
    const role = await find(session, schema, roleName, call);
    await assertMayGive(call, target, role);
    const user = await findPrincipal(session, context, username);
    const decision = await plans(session, role, user, book);
    const standing = verb === "assign" ? [{ role: roleName, member: user.name }] : [];
    return withStanding(context, target, decision, standing);
  };
  const summary = `${verb} ${roleName} ${verb === "assign" ? "to" : "from"} ${username.normalized}`;
  const subject = { summary, schema, roleName, username: username.normalized };
  const decision = await runChange(context, call, target, { dryRun: input.dryRun ?? false, subject, decide });
  return {
    normalizedUsername: username.normalized,
    role: roleName,
    changed: isChange(decision),
    ...planOf(input.dryRun, decision),
    warnings: decision.warnings,
  };
}

/**
 * A role that may be granted: a group role of this schema, or one that no schema owns, that leads to nothing which no
 * grant gives. With a `giver`, what its template gives it is held against the policy (`permission_error`).
 */
export async function findGroupRole(
  session: Session,
  schema: string,
  name: string,
  giver?: RoleGiver,
): Promise<RoleRow> {
  const above = await readRolesAbove(session, [name]);
  const row = plainRole(session, schema, name, above.get(name));
  const reach = findReach(above, name, session.target.database, giver);
  if (reach !== undefined) throw refusedRole(name, `${reach}: only plain group roles are assigned`);
  return row;
}

/** What a role has come to lead to is no reason to leave it to its members. */
async function findRevocableRole(session: Session, schema: string, name: string): Promise<RoleRow> {
  return plainRole(session, schema, name, (await readRoles(session, [name])).get(name));
}

function refusedRole(name: string, because: string): ServiceError {
  return new ServiceError("conflict", `Role ${JSON.stringify(name)} ${because}.`, {
    details: { role_name: name, because, administrator_sql: [] },
  });
}

function plainRole(session: Session, schema: string, name: string, row: RoleRow | undefined): RoleRow {
  if (row === undefined) {
    throw notFound(
      "role",
      `There is no role ${JSON.stringify(name)}; roles/initialize creates the standard ones.`,
      { role_name: name },
    );
  }
  const unsafe = unsafeAttributes(row);
  if (unsafe.length > 0)
    throw refusedRole(name, `has the attribute ${unsafe.join(", ")}: only plain group roles are assigned`);
  if (row.memberOf.some((group) => group.startsWith("cloudsql")))
    throw refusedRole(name, "belongs to Cloud SQL: only plain group roles are assigned");
  const mark = parseRoleMark(row.comment);
  if (mark === undefined) return row;
  const elsewhere =
    mark.database !== session.target.database || (mark.schema !== null && mark.schema !== schema);
  if (elsewhere) throw refusedRole(name, `belongs to ${describePlace(mark)}`);
  return row;
}

export const planAssignment: Plans = async (session, role, user, book) => {
  const rows = await readMemberships(session, { roles: [role.name], members: [user.name] });
  // Without SET the user could not create as the role, which is what makes others see what it creates.
  const isModern = session.versionNum >= membershipOptionsSince;
  const held = isModern ? rows.some((row) => row.inherit) && rows.some((row) => row.set) : rows.length > 0;
  const statements: Statement[] = [];
  const warnings: string[] = [];
  if (!held) {
    await assertGrantable(session, role.name);
    const { versionNum, target } = session;
    statements.push(
      grantMembership({ database: target.database, versionNum, role: role.name, member: user.name }),
    );
  }
  if (session.versionNum < membershipOptionsSince && !user.inherits) {
    warnings.push(
      `${user.name} is NOINHERIT: it has the privileges of ${role.name} only after SET ROLE ${role.name} ` +
        "(PostgreSQL 15 and earlier).",
    );
  }
  const coverage = await planCreatorChange(session, role.name, user.name, "assigned", book);
  return {
    statements: [...statements, ...coverage.statements],
    warnings: [...warnings, ...coverage.warnings],
    result: undefined,
  };
};

const planRevocation: Plans = async (session, role, user, book) => {
  const rows = await readMemberships(session, { roles: [role.name], members: [user.name] });
  const { statements: revocations, stuck } = await planRowRevocations(session, rows);
  if (stuck.length > 0) throw cannotRevoke(session, stuck);
  const coverage =
    rows.length === 0 ? emptyPlan : await planCreatorChange(session, role.name, user.name, "revoked", book);
  const warnings = rows.length === 0 ? await otherWays(session, role.name, user.name) : [];
  return {
    statements: [...coverage.statements, ...revocations],
    warnings: [...warnings, ...coverage.warnings],
    result: undefined,
  };
};

/** Statements that end memberships, and the rows that the admin cannot end. */
export interface Revocations {
  readonly statements: readonly Statement[];
  readonly stuck: readonly Membership[];
}

/**
 * From 16 on a membership has a row per grantor, REVOKE ends the row of one, and another grantor's row takes that
 * grantor's rights: a superuser's row stays.
 */
export async function planRowRevocations(
  session: Session,
  rows: readonly Membership[],
): Promise<Revocations> {
  const { versionNum, user } = session;
  if (versionNum < membershipOptionsSince) {
    const grantable = await readGrantable(
      session,
      rows.map((row) => row.role),
    );
    const may = rows.filter((row) => grantable.has(row.role));
    return {
      statements: may.map((row) => revokeRow(session, row)),
      stuck: rows.filter((row) => !may.includes(row)),
    };
  }
  const others = [...new Set(rows.map((row) => row.grantor).filter((grantor) => grantor !== user))];
  const authority = await readAuthority(session, others);
  const isStuck = (row: Membership): boolean =>
    row.grantor !== user && (authority.get(row.grantor) ?? "refused") === "refused";
  const revocable = rows.filter((row) => !isStuck(row));
  const grantors = revocable.map((row) => row.grantor).filter((grantor) => grantor !== user);
  const taken = await planTaking(session, grantors, authority);
  const revocations = revocable.map((row) => revokeRow(session, row));
  return { statements: [...taken.take, ...revocations, ...taken.giveBack], stuck: rows.filter(isStuck) };
}

function revokeRow(session: Session, row: Membership): Statement {
  const { versionNum, target } = session;
  const { role, member, grantor } = row;
  return revokeMembership({ database: target.database, versionNum, role, member, grantor });
}

/** All rows of a membership are ended or none: with one left, the user would still hold the role. */
function cannotRevoke(session: Session, rows: readonly Membership[]): ServiceError {
  const who = [...new Set(rows.map((row) => row.grantor))].join(", ");
  const because = `${who} granted it, and ${session.user} may not act for ${who}`;
  return new ServiceError("conflict", `The membership cannot be ended: ${because}.`, {
    details: {
      because,
      grantors: rows.map((row) => row.grantor),
      administrator_sql: rows.map((row) => revokeRow(session, row).preview),
      run_as_grantor: rows.map((row) => revokeRow(session, row).preview),
    },
  });
}

async function assertGrantable(session: Session, role: string): Promise<void> {
  const grantable = await readGrantable(session, [role]);
  if (grantable.has(role)) return;
  const because = `${session.user} has no ADMIN OPTION on ${role}`;
  throw new ServiceError("conflict", `The membership cannot be changed: ${because}.`, {
    details: { because, administrator_sql: [letGrant(role, session.user)] },
  });
}

/** A user who holds a role through another one keeps it: say so. */
async function otherWays(session: Session, role: string, user: string): Promise<string[]> {
  const { rows } = await session.query<{ through: string }>(
    `SELECT g.rolname::text AS through
       FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles u ON u.oid = m.member
      WHERE u.rolname::text = $2::text AND g.rolname::text <> $1::text
        AND pg_has_role(g.oid, (SELECT r.oid FROM pg_roles r WHERE r.rolname::text = $1::text), 'MEMBER')
      ORDER BY 1`,
    [role, user],
    { keep: true },
  );
  return rows.map(({ through }) => `${user} still holds ${role} through ${through}.`);
}

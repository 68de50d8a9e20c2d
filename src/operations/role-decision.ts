import { expandTemplate, type ManagedRole, parseRoleMark } from "../domain/managed-role.ts";
import type { Template } from "../domain/role-template.ts";
import { ServiceError } from "../errors.ts";
import { planTaking, readGrantable, uniteAuthority } from "../postgres/authority.ts";
import { readRoles } from "../postgres/role-catalog.ts";
import type { RoleInSchema } from "../postgres/schema-catalog.ts";
import type { Session } from "../postgres/session.ts";
import type { Decision } from "./apply.ts";
import { planNewCreators } from "./creator-coverage.ts";
import { type DeclaredRights, withoutDeclared } from "./declared-rights.ts";
import { readManagedRoles } from "./managed-roles.ts";
import type { RoleRecord } from "./registry.ts";
import { definedPlaces, planRoleExtras, withoutSwept } from "./role-extras.ts";
import type { RoleFinding } from "./role-finding.ts";
import { planRoleMembers } from "./role-members.ts";
import { type Adoption, assertOwnRole } from "./role-names.ts";
import { planRoleOwners } from "./role-owners.ts";
import { assertMayGive, type RoleGiver } from "./role-permission.ts";
import { planOfFindings, planRoles } from "./role-plan.ts";
import { assertAdministered, assertSchemaReachable } from "./role-preconditions.ts";
import type { Initialization } from "./role-records.ts";
import { readRenames, withRepairs } from "./role-renames.ts";
import { type RoleState, readRoleState } from "./role-state.ts";
import { findSchema } from "./schema-lookup.ts";
import type { TemplateBook } from "./template-lookup.ts";

/** What it takes to make the roles of a template in a schema, or to bring them to their definition. Needs an open transaction. */
export async function decideRoles(
  session: Session,
  given: Omit<Wanted, "roles" | "places" | "before">,
  adoption: Adoption & Use,
): Promise<Decision<Initialization>> {
  const { schema, template } = given;
  await findSchema(session, schema);
  const major = Math.floor(session.versionNum / 10_000);
  const roles = expandTemplate(template, session.target.database, schema, major);
  const renames = await readRenames(session, roles);
  assertRenameable(renames, adoption.force);
  return withRepairs(session, renames, "renames", async () => {
    const places = adoption.force ? definedPlaces(new Map([[schema, roles]]), given.recorded) : [];
    const owners = await planRoleOwners(session, places);
    const wanted = { ...given, roles, places, before: [...renames, ...owners] };
    return withRepairs(session, owners, "owners", () => decideSettled(session, wanted, adoption));
  });
}

/** What is known of whoever initializes, and of what was there before. */
interface Use {
  readonly superseded: readonly string[];
  readonly giver: RoleGiver;
}

interface Wanted {
  readonly schema: string;
  readonly template: Template;
  readonly book: TemplateBook;
  readonly roles: readonly ManagedRole[];
  /** Where the roles that are to be brought to their definition have it. */
  readonly places: readonly RoleInSchema[];
  /** What was repaired before the rest is read. */
  readonly before: readonly RoleFinding[];
  /** What the registry has of roles, by name. */
  readonly recorded: ReadonlyMap<string, RoleRecord>;
  readonly declared: DeclaredRights;
}

/** Another role beside a renamed one would have the same place, and none of its members. */
function assertRenameable(renames: readonly RoleFinding[], force: boolean): void {
  const renamed = renames.find((one) => one.statements.length > 0);
  if (force || renamed === undefined) return;
  throw new ServiceError("conflict", `The roles are not touched: ${renamed.detail}.`, {
    details: { because: `${renamed.detail}; repeat with force_update to rename it back` },
  });
}

async function decideSettled(
  session: Session,
  { schema, template, book, roles, places, before, declared }: Wanted,
  adoption: Adoption & Use,
): Promise<Decision<Initialization>> {
  const read = await readRoleState(session, schema, roles, adoption.registered);
  const extras = await planRoleExtras(session, places, declared);
  const state = withoutSwept(withoutDeclared(read, roles, declared), extras);
  for (const role of roles) {
    const row = state.roles.get(role.name);
    if (row === undefined || assertOwnRole(role, row, adoption) === "own") continue;
    await assertMayGive(adoption.giver, session.target, row);
  }
  const existing = new Set(state.roles.keys());
  const forgotten = adoption.force ? await findGone(session, adoption.superseded) : [];
  if (adoption.force) await assertAdministered(session, [...existing]);
  const unfinished = adoption.force
    ? new Set<string>()
    : await readUnfinished(session, state, roles, adoption);
  const acting = ({ name }: ManagedRole): boolean =>
    adoption.force || !existing.has(name) || unfinished.has(name);
  await assertSchemaReachable(session, state, roles.filter(acting));
  const planned = planRoles(state, roles, acting).findings;
  const creators = roles.filter((role) => acting(role) && role.privileges.schema?.includes("CREATE"));
  const coverage = await coverOthers(session, book, { schema, roles, creators });
  const members = await planRoleMembers(session, adoption.force ? [...existing] : [], declared);
  const all = [...before, ...extras.findings, ...planned, ...members.findings, ...coverage];
  const plan = planOfFindings(all);
  const authority = uniteAuthority(state.authority, extras.authority, members.authority);
  const taken = await planTaking(session, plan.actsFor, authority);
  const warnings = [...plan.warnings];
  if (!adoption.force && existing.size > 0)
    warnings.push(
      ...pendingUpdates(
        planRoles(state, roles, () => true),
        existing,
      ),
    );
  return {
    statements: [...plan.preparation, ...taken.take, ...plan.statements, ...taken.giveBack],
    warnings,
    result: { template, roles, existing, forgotten, degraded: plan.degraded, schemaOwner: state.schemaOwner },
  };
}

/**
 * Roles that bear this service's mark and were never recorded, such as those of the SQL that a preflight gave an administrator: nobody
 * has given them what their template says, so that it is done now.
 */
async function readUnfinished(
  session: Session,
  state: RoleState,
  roles: readonly ManagedRole[],
  { registered }: Adoption,
): Promise<ReadonlySet<string>> {
  const unrecorded = roles
    .map(({ name }) => name)
    .filter(
      (name) => !registered.has(name) && parseRoleMark(state.roles.get(name)?.comment ?? "") !== undefined,
    );
  return unrecorded.length === 0 ? new Set() : readGrantable(session, unrecorded);
}

/** Managed roles of other templates are to have their privileges on what new creators make. */
async function coverOthers(
  session: Session,
  book: TemplateBook,
  {
    schema,
    roles,
    creators,
  }: Pick<Wanted, "schema" | "roles"> & { readonly creators: readonly ManagedRole[] },
): Promise<RoleFinding[]> {
  if (creators.length === 0) return [];
  const own = new Set(roles.map((role) => role.name));
  const managed = (await readManagedRoles(session, book)).get(schema) ?? [];
  const others = managed.filter((role) => !own.has(role.name));
  return planNewCreators(
    session,
    schema,
    creators.map((role) => role.name),
    others,
  );
}

async function findGone(session: Session, names: readonly string[]): Promise<string[]> {
  if (names.length === 0) return [];
  const present = await readRoles(session, names);
  return names.filter((name) => !present.has(name));
}

function pendingUpdates(plan: ReturnType<typeof planRoles>, existing: ReadonlySet<string>): string[] {
  const pending = new Set(
    [...plan.preparation, ...plan.statements]
      .map((statement) => statement.role ?? "")
      .filter((r) => existing.has(r)),
  );
  if (pending.size === 0) return [];
  return [`Not as defined: ${[...pending].sort().join(", ")}. Repeat with force_update to repair.`];
}

import { expandTemplate, type ManagedRole, parseRoleMark } from "../domain/managed-role.ts";
import { parseSchemaName } from "../domain/names.ts";
import { previewStatements, type StatementPreview } from "../domain/plan.ts";
import type { Template } from "../domain/role-template.ts";
import type { Target } from "../domain/target.ts";
import { ServiceError } from "../errors.ts";
import { planTaking, readGrantable, readUngrantable, uniteAuthority } from "../postgres/authority.ts";
import { readRoles } from "../postgres/role-catalog.ts";
import type { RoleInSchema } from "../postgres/schema-catalog.ts";
import type { Session } from "../postgres/session.ts";
import { asAdmin, letGrant } from "../postgres/statements/administrator.ts";
import { changePrivileges } from "../postgres/statements/privileges.ts";
import { createManagedRole } from "../postgres/statements/roles.ts";
import { sweepBeforeRead } from "./access-sweep.ts";
import { applyDecision, type Decision, planOnly } from "./apply.ts";
import type { Call, Context } from "./context.ts";
import { planNewCreators } from "./creator-coverage.ts";
import { type DeclaredRights, withoutDeclared } from "./declared-rights.ts";
import { withInstanceLock } from "./instance-lock.ts";
import { readDeclaredRights } from "./kept-state.ts";
import { readManagedRoles } from "./managed-roles.ts";
import { readBeforeChange, recordChange, recordedOf, recordFailure } from "./record.ts";
import type { RegistryStatus, RoleRecord } from "./registry.ts";
import { definedPlaces, planRoleExtras, withoutSwept } from "./role-extras.ts";
import type { RoleFinding } from "./role-finding.ts";
import { planRoleMembers } from "./role-members.ts";
import { type Adoption, assertOwnRole } from "./role-names.ts";
import { planRoleOwners } from "./role-owners.ts";
import { assertMayGive, assertMayUseTemplate, type RoleGiver } from "./role-permission.ts";
import { planOfFindings, planRoles } from "./role-plan.ts";
import { type Initialization, isRecorded, isUsed, roleRecords, supersededRoles } from "./role-records.ts";
import { readRenames, withRepairs } from "./role-renames.ts";
import { type RoleState, readRoleState } from "./role-state.ts";
import { findSchema } from "./schema-lookup.ts";
import { createTemplateBook, findTemplate, retiredTemplate, type TemplateBook } from "./template-lookup.ts";

export interface InitializeInput {
  readonly schema: string;
  readonly forceUpdate?: boolean;
  readonly dryRun?: boolean;
  /** `standard` when missing. */
  readonly template?: string;
  /** The newest when missing. */
  readonly templateVersion?: string;
}

export interface InitializeResult {
  readonly template: string;
  readonly templateVersion: string;
  readonly created: readonly string[];
  readonly updated: readonly string[];
  readonly skipped: readonly string[];
  readonly total: number;
  readonly documentId: string;
  /** Present in a dry run only. */
  readonly plan?: readonly StatementPreview[];
  readonly warnings: readonly string[];
}

/** A later major than any: knows every privilege that a template may name. */
const anyMajor = 99;

/**
 * Creates the roles of a template, the six standard ones unless another is named, with their privileges on what exists
 * and on what anybody who can create in the schema makes later. Roles that exist are skipped, or with `forceUpdate`
 * brought to their definition. `not_found` (schema, template); `conflict` when a name belongs to somebody else, or when
 * the template is retired and nothing was made by it here; `permission_error` when the caller may not give what the
 * template gives.
 */
export async function initializeRoles(
  context: Context,
  call: Call,
  target: Target,
  input: InitializeInput,
): Promise<InitializeResult> {
  const schema = parseSchemaName("schema_name", input.schema);
  const { template, retired } = await findTemplate(context, input.template, input.templateVersion);
  expandTemplate(template, target.database, schema, anyMajor);
  assertMayUseTemplate(call, template);
  const before = await (input.dryRun ? context.registry.read(target) : readBeforeChange(context, target));
  if (retired && !isUsed(before, template, schema)) throw retiredTemplate(template.name, template.version);
  const adoption = {
    registered: new Set(before?.roles.map((role) => role.name)),
    force: input.forceUpdate ?? false,
    superseded: supersededRoles(before, template, schema),
    giver: call,
  };
  const book = createTemplateBook(context);
  const recorded = new Map(before?.roles.map((role) => [role.name, role]));
  const declared = await readDeclaredRights(context, target);
  const decide = (session: Session): Promise<Decision<Initialization>> =>
    decideRoles(session, { schema, template, book, recorded, declared }, adoption);
  if (input.dryRun) {
    const decision = await planOnly(context, call, target, decide);
    return { ...describe(context, target, decision), plan: previewStatements(decision.statements) };
  }
  const by = template.name === "standard" ? "" : ` by template ${template.name} ${template.version}`;
  const subject = { summary: `initialize the roles of schema ${schema}${by}`, schema };
  const applied = await recordFailure(context, call, target, subject, () =>
    withInstanceLock(context, call, target, () => applyDecision(context, call, target, decide)),
  );
  const roles = roleRecords(applied, schema, adoption.force ? undefined : before);
  const { forgotten } = applied.result;
  if (applied.statements.length + forgotten.length > 0 || !isRecorded(before, roles)) {
    await recordChange(
      context,
      call,
      target,
      { ...subject, ...recordedOf(applied), before },
      { upsertRoles: roles, ...(forgotten.length > 0 ? { removeRoles: forgotten } : {}) },
    );
  }
  return describe(context, target, applied);
}

/** What the registry knows of a target; undefined when nothing was ever recorded. */
export async function readRolesStatus(
  context: Context,
  call: Call,
  target: Target,
): Promise<RegistryStatus | undefined> {
  const due = sweepBeforeRead(context, call, target);
  if (due !== undefined) await due;
  return context.registry.read(target);
}

/** The regions in which something is recorded of a database; an instance's name is unique in its project. */
export async function findRecordedRegions(
  context: Context,
  _call: Call,
  database: Omit<Target, "region">,
): Promise<readonly string[]> {
  return context.registry.findRegions(database);
}

async function decideRoles(
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

/** A role that the admin does not administer cannot be brought to any definition: say so before touching anything. */
async function assertAdministered(session: Session, names: readonly string[]): Promise<void> {
  const grantable = await readGrantable(session, names);
  const foreign = names.filter((name) => !grantable.has(name));
  if (foreign.length === 0) return;
  const because = `${session.user} does not administer ${foreign.join(", ")}`;
  throw new ServiceError("conflict", `The roles cannot be updated: ${because}.`, {
    details: {
      because,
      roles: foreign,
      needed: "ADMIN OPTION on each of them (PostgreSQL 16 and later)",
      administrator_sql: foreign.map((role) => letGrant(role, session.user)),
    },
  });
}

/** Roles that could not even be let into the schema would look initialized and be of no use. */
async function assertSchemaReachable(
  session: Session,
  state: RoleState,
  acting: readonly ManagedRole[],
): Promise<void> {
  const names = new Set(acting.map((role) => role.name));
  const gaps = state.gaps.filter(
    (one) =>
      one.objectType === "schema" &&
      one.action === "grant" &&
      names.has(one.role) &&
      state.authority.get(one.owner) === "refused" &&
      !one.publicHolds,
  );
  const owner = gaps[0]?.owner;
  if (owner === undefined) return;
  const { database, schema, admin } = state;
  const because = `the schema belongs to ${owner}, for whom ${admin} may not act on this instance`;
  const grants = gaps.flatMap((gap) =>
    changePrivileges({ ...gap, database, schema, grantee: gap.role }).map((statement) => statement.preview),
  );
  const ungrantable = await readUngrantable(session, [owner]);
  const creations = acting
    .filter((role) => !state.roles.has(role.name) && gaps.some((gap) => gap.role === role.name))
    .flatMap((role) => createManagedRole(role).map((statement) => statement.preview));
  const own = creations.length === 0 ? [] : asAdmin(admin, creations);
  const details = { because, schema_name: schema, owner, database_name: database, run_as_owner: grants };
  const administrator_sql = ungrantable.has(owner) ? [...own, ...grants] : [letGrant(owner, admin)];
  throw new ServiceError(
    "conflict",
    `The roles of schema ${schema} cannot be given rights on it: ${because}.`,
    {
      details: { ...details, administrator_sql },
    },
  );
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

function describe(context: Context, target: Target, decision: Decision<Initialization>): InitializeResult {
  const { template, roles, existing } = decision.result;
  const served = new Set(decision.statements.map((statement) => statement.role));
  const names = roles.map((role) => role.name);
  return {
    template: template.name,
    templateVersion: template.version,
    created: names.filter((name) => !existing.has(name)),
    updated: names.filter((name) => existing.has(name) && served.has(name)),
    skipped: names.filter((name) => existing.has(name) && !served.has(name)),
    total: names.length,
    documentId: context.registry.documentId(target),
    warnings: decision.warnings,
  };
}

import { standardTemplate } from "../domain/builtin-templates.ts";
import { type ManagedRole, parseRoleMark, roleMarkPrefix } from "../domain/managed-role.ts";
import { templateChecksum } from "../domain/role-template.ts";
import type { Target } from "../domain/target.ts";
import { readGrantable, uniteAuthority } from "../postgres/authority.ts";
import { readFingerprint } from "../postgres/fingerprint.ts";
import { readRolesByComment } from "../postgres/role-catalog.ts";
import { type RoleInSchema, readSchemaRows } from "../postgres/schema-catalog.ts";
import type { Session } from "../postgres/session.ts";
import { sweepBeforeRead } from "./access-sweep.ts";
import { type Decision, planOnly } from "./apply.ts";
import type { Call, Context } from "./context.ts";
import { databaseError } from "./database-errors.ts";
import { type DeclaredRights, withoutDeclared } from "./declared-rights.ts";
import { type DriftItem, describeItems, distinct, goneSchema } from "./drift-items.ts";
import { type DriftKey, findInSync, keepInSync } from "./drift-memory.ts";
import { compareRegistry } from "./drift-registry.ts";
import { findBlocked, planUpdates } from "./drift-updates.ts";
import { readDeclaredRights } from "./kept-state.ts";
import type { RegistryStatus, RoleRecord } from "./registry.ts";
import { definedPlaces, planRoleExtras, withoutSwept } from "./role-extras.ts";
import type { RoleFinding } from "./role-finding.ts";
import { planRoleMembers } from "./role-members.ts";
import { planRoleOwners } from "./role-owners.ts";
import { planRoles } from "./role-plan.ts";
import { readRenames, withRepairs } from "./role-renames.ts";
import { type RoleState, readRoleStates } from "./role-state.ts";
import { findSchema } from "./schema-lookup.ts";
import { findSchemaRoles, type KnownRoles, type NewerTemplate } from "./schema-templates.ts";
import { createTemplateBook, type TemplateBook } from "./template-lookup.ts";

export interface DriftReport {
  /** The schemas that were compared. */
  readonly schemas: readonly string[];
  readonly drift: readonly DriftItem[];
  /** What the instance does not allow and the registry knows: no drift. */
  readonly warnings: readonly string[];
  /** `fingerprint`: nothing has changed since all was compared and found in sync. */
  readonly checked: "fingerprint" | "full";
}

export interface DriftInput {
  readonly schema?: string;
  /** Compare everything, whatever the fingerprint says. */
  readonly forceFull?: boolean;
}

/**
 * Compares templates, the registry and the catalog, in one schema or in all that the registry or the roles' marks know.
 * Changes nothing: what it tries, it rolls back. One query when nothing changed since it was last found in sync.
 * `not_found` (schema).
 */
export async function readDrift(
  context: Context,
  call: Call,
  target: Target,
  { schema, forceFull = false }: DriftInput,
): Promise<DriftReport> {
  const due = sweepBeforeRead(context, call, target);
  if (due !== undefined) await due;
  const registry = await context.registry.read(target);
  const book = createTemplateBook(context);
  const rest = { templates: await readNewestTemplates(book, registry), revision: registry?.revision ?? 0 };
  const readNow = async (): Promise<DriftKey> => {
    const fingerprint = await readFingerprintOf(context, call, target, registry);
    return { fingerprint, ...rest };
  };
  const before = await readNow();
  const known = forceFull ? undefined : findInSync(context, target, schema, before, registry);
  if (known !== undefined)
    return { schemas: known.schemas, drift: [], warnings: known.warnings, checked: "fingerprint" };
  const report = await compareAll(context, call, target, schema, { registry, book });
  if (report.drift.length > 0) return report;
  const { schemas, warnings } = report;
  const same = (await readNow()).fingerprint === before.fingerprint;
  if (same) await keepInSync(context, call, target, schema, { ...before, schemas, warnings });
  return report;
}

/** Which versions roles are compared with: a newer one of a recorded template is drift, whatever the catalog says. */
async function readNewestTemplates(
  book: TemplateBook,
  registry: RegistryStatus | undefined,
): Promise<string> {
  const names = new Set([standardTemplate.name, ...(registry?.roles.map((role) => role.template) ?? [])]);
  const checksums: string[] = [];
  for (const name of [...names].sort()) {
    const newest = await book.newest(name);
    checksums.push(`${name} ${newest === undefined ? "none" : templateChecksum(newest)}`);
  }
  return checksums.join("\n");
}

function readFingerprintOf(
  context: Context,
  call: Call,
  target: Target,
  registry: RegistryStatus | undefined,
): Promise<string> {
  const largeObjects = registry?.roles.some((role) => role.template !== standardTemplate.name) ?? false;
  const options = { operation: call.operation, signal: call.signal };
  return context.pools.withSession(target, options, async (session) => {
    try {
      return await readFingerprint(session, { largeObjects });
    } catch (error) {
      throw databaseError(error, "reading the catalog's fingerprint");
    }
  });
}

async function compareAll(
  context: Context,
  call: Call,
  target: Target,
  schema: string | undefined,
  { registry, book }: { readonly registry: RegistryStatus | undefined; readonly book: TemplateBook },
): Promise<DriftReport> {
  const declared = await readDeclaredRights(context, target);
  const decide = async (session: Session): Promise<Decision<DriftReport>> => {
    if (schema !== undefined) await findSchema(session, schema);
    const known = await readKnownRoles(session, registry);
    const schemas = schema === undefined ? knownSchemas(known) : [schema];
    const found = await readSchemasDrift(session, schemas, known, { book, declared });
    const warnings = [...new Set(found.warnings)];
    const result: DriftReport = { schemas, drift: distinct(found.drift), warnings, checked: "full" };
    return { statements: [], warnings: [], result };
  };
  return (await planOnly(context, call, target, decide)).result;
}

async function readKnownRoles(session: Session, registry: RegistryStatus | undefined): Promise<KnownRoles> {
  const { database } = session.target;
  const marks = (await readRolesByComment(session, roleMarkPrefix)).flatMap((row) => {
    const mark = parseRoleMark(row.comment);
    return mark?.database === database ? [{ ...mark, name: row.name }] : [];
  });
  const major = Math.floor(session.versionNum / 10_000);
  return { database, major, records: registry?.roles ?? [], marks };
}

function knownSchemas({ records, marks }: KnownRoles): string[] {
  const recorded = records.flatMap((role) => [role.schema ?? [], role.schemas ?? []].flat());
  return [...new Set([...recorded, ...marks.flatMap((mark) => mark.schema ?? [])])].sort();
}

type SchemaDrift = Pick<DriftReport, "drift" | "warnings">;

/** In a number of queries that does not depend on how many schemas and roles there are. */
async function readSchemasDrift(
  session: Session,
  schemas: readonly string[],
  known: KnownRoles,
  { book, declared }: { readonly book: TemplateBook; readonly declared: DeclaredRights },
): Promise<SchemaDrift> {
  const present = await readSchemaRows(session, schemas);
  const gone = schemas.filter((schema) => !present.has(schema)).map(goneSchema);
  const wanted = new Map<string, readonly ManagedRole[]>();
  const newer = new Map<string, readonly NewerTemplate[]>();
  const early: RoleFinding[] = [];
  for (const schema of [...present.keys()].sort()) {
    const found = await findSchemaRoles(book, known, schema);
    wanted.set(schema, found.roles);
    if (found.newer.length > 0) newer.set(schema, found.newer);
    early.push(...found.findings);
  }
  if (wanted.size === 0) return { drift: gone, warnings: [] };
  const registered = new Map(known.records.map((record) => [record.name, record]));
  const all = new Map([...wanted.values()].flat().map((role) => [role.name, role]));
  const renames = await readRenames(session, [...all.values()]);
  const places = definedPlaces(wanted, registered);
  const compared = { wanted, newer, registered, places, declared };
  return withRepairs(session, renames, "renames", async () => {
    const owners = await planRoleOwners(session, places);
    const found = await withRepairs(session, owners, "owners", () =>
      compareStates(session, compared, [...renames, ...early, ...owners]),
    );
    return { drift: [...gone, ...found.drift], warnings: found.warnings };
  });
}

interface Compared {
  readonly wanted: ReadonlyMap<string, readonly ManagedRole[]>;
  readonly newer: ReadonlyMap<string, readonly NewerTemplate[]>;
  readonly registered: ReadonlyMap<string, RoleRecord>;
  readonly places: readonly RoleInSchema[];
  readonly declared: DeclaredRights;
}

async function compareStates(
  session: Session,
  { wanted, newer, registered, places, declared }: Compared,
  before: readonly RoleFinding[],
): Promise<SchemaDrift> {
  const names = new Set(registered.keys());
  const extras = await planRoleExtras(session, places, declared);
  const states = [...(await readRoleStates(session, wanted, names)).values()].map((state) =>
    withoutSwept(withoutDeclared(state, wanted.get(state.schema) ?? [], declared), extras),
  );
  const existing = states.flatMap((state) => [...state.roles.keys()]);
  const grantable = await readGrantable(session, existing);
  const members = await planRoleMembers(session, existing, declared);
  const found = states.flatMap((state) => compareSchema(state, wanted.get(state.schema) ?? [], registered));
  const updates = await planUpdates(session, newer, names, declared);
  const more = [extras, { findings: found }, members, updates].flatMap((one) => one.findings);
  const findings = [...before, ...more];
  const isAccepted = (one: RoleFinding): boolean =>
    one.limitOfInstance === true && registered.get(one.role ?? "")?.status === "degraded";
  const accepted = findings.filter(isAccepted);
  const drift = await describeItems(
    session,
    findings.filter((finding) => !accepted.includes(finding)),
    uniteAuthority(...[...states, updates, extras, members].map((one) => one.authority)),
    new Set(existing.filter((name) => !grantable.has(name))),
  );
  return { drift, warnings: accepted.map((one) => one.detail) };
}

function compareSchema(
  state: RoleState,
  roles: readonly ManagedRole[],
  registered: ReadonlyMap<string, RoleRecord>,
): RoleFinding[] {
  const blocked = findBlocked(roles, state);
  const plan = planRoles(state, roles, (role) => !blocked.has(role.name));
  return [...blocked.values(), ...plan.findings, ...compareRegistry(state, roles, registered)];
}

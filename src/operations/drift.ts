import { standardTemplate } from "../domain/builtin-templates.ts";
import { type ManagedRole, parseRoleMark, roleMarkPrefix } from "../domain/managed-role.ts";
import { templateChecksum } from "../domain/role-template.ts";
import type { Target } from "../domain/target.ts";
import { readGrantable, readTaking } from "../postgres/authority.ts";
import { readFingerprint } from "../postgres/fingerprint.ts";
import { readRolesByComment } from "../postgres/role-catalog.ts";
import { readSchemaRows } from "../postgres/schema-catalog.ts";
import type { Session } from "../postgres/session.ts";
import { sweepBeforeRead } from "./access-sweep.ts";
import { type Decision, planOnly } from "./apply.ts";
import type { Call, Context } from "./context.ts";
import { databaseError } from "./database-errors.ts";
import { type DeclaredRights, withoutDeclared } from "./declared-rights.ts";
import { type DriftKey, findInSync, keepInSync } from "./drift-memory.ts";
import { compareRegistry } from "./drift-registry.ts";
import { findBlocked, planUpdates } from "./drift-updates.ts";
import { readDeclaredRights } from "./kept-state.ts";
import type { RegistryStatus, RoleRecord } from "./registry.ts";
import { definedPlaces, planRoleExtras, withoutSwept } from "./role-extras.ts";
import type { RoleFinding } from "./role-finding.ts";
import { planRoleMembers } from "./role-members.ts";
import { planRoles } from "./role-plan.ts";
import { readRenames, withRenames } from "./role-renames.ts";
import { type RoleState, readRoleStates } from "./role-state.ts";
import { findSchema } from "./schema-lookup.ts";
import { findSchemaRoles, type KnownRoles, type NewerTemplate } from "./schema-templates.ts";
import { createTemplateBook, type TemplateBook } from "./template-lookup.ts";

/** One difference, with the SQL that the admin would run to end it, in order; empty when `detail` says why not. */
export interface DriftItem extends Pick<RoleFinding, "kind" | "role" | "object" | "detail"> {
  readonly repair: readonly string[];
}

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

/** Database-wide roles are looked at with each schema. */
function distinct(items: readonly DriftItem[]): DriftItem[] {
  return [...new Map(items.map((item) => [JSON.stringify(item), item])).values()];
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
  return withRenames(session, renames, async () => {
    const extras = await planRoleExtras(session, definedPlaces(wanted, registered), declared);
    const states = new Map(
      [...(await readRoleStates(session, wanted, new Set(registered.keys())))].map(([name, state]) => [
        name,
        withoutSwept(withoutDeclared(state, wanted.get(name) ?? [], declared), extras),
      ]),
    );
    const existing = [...states.values()].flatMap((state) => [...state.roles.keys()]);
    const grantable = await readGrantable(session, existing);
    const members = await planRoleMembers(session, existing, declared);
    const found = [...states.values()].flatMap((state) =>
      compareSchema(state, wanted.get(state.schema) ?? [], registered),
    );
    const updates = await planUpdates(session, newer, new Set(registered.keys()), declared);
    const findings = [
      ...renames,
      ...early,
      ...extras.findings,
      ...found,
      ...members.findings,
      ...updates.findings,
    ];
    const accepted = new Set(
      findings.filter(
        (one) => one.limitOfInstance === true && registered.get(one.role ?? "")?.status === "degraded",
      ),
    );
    const drift = await describeItems(
      session,
      findings.filter((finding) => !accepted.has(finding)),
      new Map([
        ...[...states.values()].flatMap((state) => [...state.authority]),
        ...updates.authority,
        ...extras.authority,
        ...members.authority,
      ]),
      new Set(existing.filter((name) => !grantable.has(name))),
    );
    return { drift: [...gone, ...drift], warnings: [...accepted].map((one) => one.detail) };
  });
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

function goneSchema(schema: string): DriftItem {
  const detail =
    "The schema does not exist any more; create it again, or drop its roles. No SQL brings it back.";
  return { kind: "missing", role: null, object: `schema ${schema}`, detail, repair: [] };
}

/** `foreign`: roles that the admin does not administer; it can repair nothing of theirs. */
async function describeItems(
  session: Session,
  findings: readonly RoleFinding[],
  authority: RoleState["authority"],
  foreign: ReadonlySet<string>,
): Promise<DriftItem[]> {
  const actors = findings.flatMap((one) => one.actsFor ?? []);
  const take = await readTaking(session, actors, authority);
  return findings.map((finding) => {
    const { kind, role, object, detail, statements, actsFor = [] } = finding;
    if (statements.length === 0) return { kind, role, object, detail, repair: [] };
    if (foreign.has(role ?? "")) {
      const because = `${session.user} does not administer ${role}`;
      return { kind, role, object, detail: `${detail}; ${because}`, repair: [] };
    }
    const taken = take(actsFor);
    const all = [...taken.take, ...statements, ...taken.giveBack];
    return { kind, role, object, detail, repair: all.map((statement) => statement.preview) };
  });
}

import { standardTemplate } from "../domain/builtin-templates.ts";
import { expandTemplate, type ManagedRole, parseRoleMark, roleMarkPrefix } from "../domain/managed-role.ts";
import { templateChecksum } from "../domain/role-template.ts";
import type { Target } from "../domain/target.ts";
import { ServiceError } from "../errors.ts";
import { readGrantable, readTaking } from "../postgres/authority.ts";
import { readFingerprint } from "../postgres/fingerprint.ts";
import { readRolesByComment } from "../postgres/role-catalog.ts";
import { readSchemaRows } from "../postgres/schema-catalog.ts";
import type { Session } from "../postgres/session.ts";
import { type Decision, planOnly } from "./apply.ts";
import type { Call, Context } from "./context.ts";
import { databaseError } from "./database-errors.ts";
import { type DriftKey, findInSync, keepInSync } from "./drift-memory.ts";
import { compareRegistry } from "./drift-registry.ts";
import type { RegistryStatus, RoleRecord } from "./registry.ts";
import type { RoleFinding } from "./role-finding.ts";
import { assertOwnRole } from "./role-names.ts";
import { planRoles } from "./role-plan.ts";
import { readRenames, withRenames } from "./role-renames.ts";
import { type RoleState, readRoleStates } from "./role-state.ts";
import { findSchema } from "./schema-lookup.ts";

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
 * Compares the template, the registry and the catalog, in one schema or in all that the registry or the roles' marks
 * know. Changes nothing: what it tries, it rolls back. One query when nothing changed since it was last found in sync.
 * `not_found` (schema).
 */
export async function readDrift(
  context: Context,
  call: Call,
  target: Target,
  { schema, forceFull = false }: DriftInput,
): Promise<DriftReport> {
  const registry = await context.registry.read(target);
  const rest = { templates: templateChecksum(standardTemplate), revision: registry?.revision ?? 0 };
  const readNow = async (): Promise<DriftKey> => {
    const fingerprint = await readFingerprintOf(context, call, target, registry);
    return { fingerprint, ...rest };
  };
  const before = await readNow();
  const known = forceFull ? undefined : findInSync(context, target, schema, before, registry);
  if (known !== undefined)
    return { schemas: known.schemas, drift: [], warnings: known.warnings, checked: "fingerprint" };
  const report = await compareAll(context, call, target, schema, registry);
  if (report.drift.length > 0) return report;
  const { schemas, warnings } = report;
  const same = (await readNow()).fingerprint === before.fingerprint;
  if (same) await keepInSync(context, call, target, schema, { ...before, schemas, warnings });
  return report;
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
  registry: RegistryStatus | undefined,
): Promise<DriftReport> {
  const decide = async (session: Session): Promise<Decision<DriftReport>> => {
    if (schema !== undefined) await findSchema(session, schema);
    const schemas = schema === undefined ? await readKnownSchemas(session, registry) : [schema];
    const found = await readSchemasDrift(session, schemas, registry?.roles ?? []);
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

async function readKnownSchemas(session: Session, registry: RegistryStatus | undefined): Promise<string[]> {
  const known = new Set(registry?.roles.flatMap((role) => role.schema ?? []));
  for (const row of await readRolesByComment(session, roleMarkPrefix)) {
    const mark = parseRoleMark(row.comment);
    if (mark?.database === session.target.database && mark.schema !== null) known.add(mark.schema);
  }
  return [...known].sort();
}

type SchemaDrift = Pick<DriftReport, "drift" | "warnings">;

/** In a number of queries that does not depend on how many schemas and roles there are. */
async function readSchemasDrift(
  session: Session,
  schemas: readonly string[],
  records: readonly RoleRecord[],
): Promise<SchemaDrift> {
  const present = await readSchemaRows(session, schemas);
  const gone = schemas.filter((schema) => !present.has(schema)).map(goneSchema);
  const major = Math.floor(session.versionNum / 10_000);
  const wanted = new Map(
    [...present.keys()]
      .sort()
      .map((schema) => [schema, expandTemplate(standardTemplate, session.target.database, schema, major)]),
  );
  if (wanted.size === 0) return { drift: gone, warnings: [] };
  const registered = new Map(records.map((record) => [record.name, record]));
  const all = new Map([...wanted.values()].flat().map((role) => [role.name, role]));
  const renames = await readRenames(session, [...all.values()]);
  return withRenames(session, renames, async () => {
    const states = await readRoleStates(session, wanted, new Set(registered.keys()));
    const existing = [...states.values()].flatMap((state) => [...state.roles.keys()]);
    const grantable = await readGrantable(session, existing);
    const found = [...states.values()].flatMap((state) =>
      compareSchema(state, wanted.get(state.schema) ?? [], registered),
    );
    const findings = [...renames, ...found];
    const accepted = new Set(
      findings.filter(
        (one) => one.limitOfInstance === true && registered.get(one.role ?? "")?.status === "degraded",
      ),
    );
    const drift = await describeItems(
      session,
      findings.filter((finding) => !accepted.has(finding)),
      new Map([...states.values()].flatMap((state) => [...state.authority])),
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

/** Roles that `force_update` refuses to touch: another's, and superuser-like ones. */
function findBlocked(roles: readonly ManagedRole[], state: RoleState): Map<string, RoleFinding> {
  const blocked = new Map<string, RoleFinding>();
  for (const role of roles) {
    const row = state.roles.get(role.name);
    if (row === undefined) continue;
    try {
      assertOwnRole(role, row, { registered: state.registered, force: true });
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      const about = { kind: "changed_definition", role: role.name, object: `role ${role.name}` } as const;
      blocked.set(role.name, { ...about, detail: error.message, statements: [] });
    }
  }
  return blocked;
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

import { standardTemplate } from "../domain/builtin-templates.ts";
import { expandTemplate, type ManagedRole, parseRoleMark, roleMarkPrefix } from "../domain/managed-role.ts";
import type { Target } from "../domain/target.ts";
import { ServiceError } from "../errors.ts";
import { planTaking, readGrantable } from "../postgres/authority.ts";
import { readRolesByComment } from "../postgres/role-catalog.ts";
import { readSchema } from "../postgres/schema-catalog.ts";
import type { Session } from "../postgres/session.ts";
import { type Decision, planOnly } from "./apply.ts";
import type { Call, Context } from "./context.ts";
import { compareRegistry } from "./drift-registry.ts";
import type { RegistryStatus, RoleRecord } from "./registry.ts";
import type { RoleFinding } from "./role-finding.ts";
import { assertOwnRole } from "./role-names.ts";
import { planRoles } from "./role-plan.ts";
import { readRenames, withRenames } from "./role-renames.ts";
import { type RoleState, readRoleState } from "./role-state.ts";
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
}

/**
 * Compares the template, the registry and the catalog, in one schema or in all that the registry or the roles' marks
 * know. Changes nothing: what it tries, it rolls back. `not_found` (schema).
 */
export async function readDrift(
  context: Context,
  call: Call,
  target: Target,
  input: { readonly schema?: string },
): Promise<DriftReport> {
  const registry = await context.registry.read(target);
  const decide = async (session: Session): Promise<Decision<DriftReport>> => {
    if (input.schema !== undefined) await findSchema(session, input.schema);
    const schemas = input.schema === undefined ? await readKnownSchemas(session, registry) : [input.schema];
    const drift: DriftItem[] = [];
    const warnings: string[] = [];
    for (const schema of schemas) {
      const found = await readSchemaDrift(session, schema, registry?.roles ?? []);
      drift.push(...found.drift);
      warnings.push(...found.warnings);
    }
    const result = { schemas, drift: distinct(drift), warnings: [...new Set(warnings)] };
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

type SchemaDrift = Omit<DriftReport, "schemas">;

async function readSchemaDrift(
  session: Session,
  schema: string,
  records: readonly RoleRecord[],
): Promise<SchemaDrift> {
  if ((await readSchema(session, schema)) === undefined) return { drift: [goneSchema(schema)], warnings: [] };
  const major = Math.floor(session.versionNum / 10_000);
  const roles = expandTemplate(standardTemplate, session.target.database, schema, major);
  const registered = new Map(records.map((record) => [record.name, record]));
  const renames = await readRenames(session, roles);
  return withRenames(session, renames, async () => {
    const state = await readRoleState(session, schema, roles, new Set(registered.keys()));
    const { blocked, reasons } = await findBlocked(session, roles, state);
    const plan = planRoles(state, roles, (role) => !blocked.has(role.name));
    const findings = [
      ...renames,
      ...blocked.values(),
      ...plan.findings,
      ...compareRegistry(state, roles, registered),
    ];
    const accepted = findings.filter(
      (one) => one.limitOfInstance === true && registered.get(one.role ?? "")?.status === "degraded",
    );
    const drift: DriftItem[] = [];
    for (const finding of findings) {
      if (!accepted.includes(finding))
        drift.push(await describeItem(session, finding, state, reasons.get(finding.role ?? "")));
    }
    return { drift, warnings: accepted.map((one) => one.detail) };
  });
}

function goneSchema(schema: string): DriftItem {
  const detail =
    "The schema does not exist any more; create it again, or drop its roles. No SQL brings it back.";
  return { kind: "missing", role: null, object: `schema ${schema}`, detail, repair: [] };
}

/** Roles that `force_update` refuses to touch: another's, superuser-like ones, and those that the admin does not administer. */
async function findBlocked(
  session: Session,
  roles: readonly ManagedRole[],
  state: RoleState,
): Promise<{ blocked: Map<string, RoleFinding>; reasons: Map<string, string> }> {
  const blocked = new Map<string, RoleFinding>();
  const reasons = new Map<string, string>();
  const grantable = await readGrantable(session, [...state.roles.keys()]);
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
    if (!grantable.has(role.name)) reasons.set(role.name, `${session.user} does not administer ${role.name}`);
  }
  return { blocked, reasons };
}

async function describeItem(
  session: Session,
  finding: RoleFinding,
  state: RoleState,
  because: string | undefined,
): Promise<DriftItem> {
  const { kind, role, object, detail, statements, actsFor = [] } = finding;
  if (because !== undefined && statements.length > 0)
    return { kind, role, object, detail: `${detail}; ${because}`, repair: [] };
  const taken = await planTaking(session, actsFor, state.authority);
  const all = statements.length === 0 ? [] : [...taken.take, ...statements, ...taken.giveBack];
  return { kind, role, object, detail, repair: all.map((statement) => statement.preview) };
}

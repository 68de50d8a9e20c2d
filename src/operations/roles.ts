import { expandTemplate } from "../domain/managed-role.ts";
import { parseSchemaName } from "../domain/names.ts";
import { previewStatements, type StatementPreview } from "../domain/plan.ts";
import type { Target } from "../domain/target.ts";
import type { Session } from "../postgres/session.ts";
import { sweepBeforeRead } from "./access-sweep.ts";
import { applyDecision, type Decision, planOnly } from "./apply.ts";
import type { Call, Context } from "./context.ts";
import { withInstanceLock } from "./instance-lock.ts";
import { readDeclaredRights } from "./kept-state.ts";
import { readBeforeChange, recordChange, recordedOf, recordFailure } from "./record.ts";
import type { RegistryStatus } from "./registry.ts";
import { decideRoles } from "./role-decision.ts";
import { assertMayUseTemplate } from "./role-permission.ts";
import { type Initialization, isRecorded, isUsed, roleRecords, supersededRoles } from "./role-records.ts";
import { createTemplateBook, findTemplate, retiredTemplate } from "./template-lookup.ts";

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

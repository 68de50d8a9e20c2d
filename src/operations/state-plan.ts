import { type DesiredState, emptyState } from "../domain/desired-state.ts";
import { expandTemplate } from "../domain/managed-role.ts";
import type { Statement } from "../domain/plan.ts";
import type { Template } from "../domain/role-template.ts";
import { snapshotOf, subtractState } from "../domain/state-snapshot.ts";
import { notFound } from "../errors.ts";
import { readUserSchemas } from "../postgres/acl-catalog.ts";
import { planTaking } from "../postgres/authority.ts";
import { readRoles } from "../postgres/role-catalog.ts";
import type { Session } from "../postgres/session.ts";
import { changeSchemaOwner } from "../postgres/statements/membership-options.ts";
import { createSchemaStatement } from "../postgres/statements/schemas.ts";
import { type Decision, mayRetry } from "./apply.ts";
import { databaseError } from "./database-errors.ts";
import { readManagedState } from "./managed-state.ts";
import type { RoleFinding } from "./role-finding.ts";
import { assertMayGiveRights, type RoleGiver } from "./role-permission.ts";
import { planOfFindings } from "./role-plan.ts";
import { planAsOwners } from "./schema-create.ts";
import { readReach } from "./state-actors.ts";
import { readStateCatalog } from "./state-catalog.ts";
import { compareDefaults, planDefaultChanges } from "./state-plan-defaults.ts";
import { compareGrants, type GrantPlan, planGrantChanges } from "./state-plan-grants.ts";
import { planGroupRoles } from "./state-plan-groups.ts";
import { planStateMemberships } from "./state-plan-memberships.ts";
import {
  planTemplate,
  planTemplateRenames,
  readTemplateState,
  type TemplateState,
} from "./state-plan-templates.ts";
import { assertMayChange, assertNoneRefused } from "./state-refusals.ts";
import { type ExpandedTemplate, type StateMode, type StateScope, scopeOf } from "./state-scope.ts";
import { resolveWanted } from "./state-wanted.ts";

/** How many statements serve what. */
export interface PlanSummary {
  readonly roles: number;
  readonly schemas: number;
  readonly memberships: number;
  readonly privileges: number;
  readonly default_privileges: number;
  readonly destructive: number;
  readonly total: number;
}

export interface PlannedState {
  readonly summary: PlanSummary;
  readonly templates: readonly ExpandedTemplate[];
  /** The template roles of whose definition something cannot be granted here. */
  readonly degraded: ReadonlySet<string>;
  /** Who owns the schemas of the templates, once the plan has run. */
  readonly schemaOwners: ReadonlyMap<string, string>;
}

export interface StateWish {
  readonly mode: StateMode;
  readonly state: DesiredState;
  /** The templates that the state names, in its order. */
  readonly templates: readonly Template[];
  /** Names of managed roles that the registry lists. */
  readonly registered: ReadonlySet<string>;
  /** The way back: what was declared last, of which all goes that the state does not declare. */
  readonly from?: DesiredState;
  /** Memberships by temporary access. */
  readonly temporary?: ReadonlySet<string>;
  /** Who wants it done, to be held against the policy; without one it is only shown what would be done. */
  readonly giver?: RoleGiver;
}

/**
 * What brings a database to a desired state. Roles, schemas and memberships come first, and are made under a savepoint:
 * what they change (who can create, who owns, which grants came with a schema) is read and not guessed. They are undone
 * again. Needs an open transaction.
 */
export async function decideState(session: Session, wish: StateWish): Promise<Decision<PlannedState>> {
  const major = Math.floor(session.versionNum / 10_000);
  const templates = wish.state.templates.map(({ schema }, at): ExpandedTemplate => {
    const template = wish.templates[at] as Template;
    return { schema, roles: expandTemplate(template, session.target.database, schema, major) };
  });
  const dropped = wish.from === undefined ? emptyState : await readDropped(session, wish.from, wish.state);
  const groups = await planGroupRoles(session, wish.state);
  const scope = scopeOf({
    mode: wish.mode,
    state: wish.state,
    admin: session.user,
    templates,
    dropped,
    temporary: wish.temporary ?? new Set(),
    created: groups.created,
    giver: wish.giver,
  });
  const warnings = keptByRollback(dropped);
  await session.query("SAVEPOINT desired_state");
  const stage = createStage(session);
  await stage.run("roles", groups.statements);
  for (const template of templates) {
    const renames = await planTemplateRenames(session, scope, template.roles);
    await stage.run("roles", planOfFindings(renames).preparation);
    const read = await readTemplateState(session, scope, template, wish.registered, undefined);
    await stage.run("roles", planOfFindings(planTemplate(scope, read)).preparation);
  }
  for (const plan of await planSchemas(session, scope, warnings)) await stage.run("schemas", await plan());
  const memberships = await planStateMemberships(session, scope);
  await stage.run("memberships", memberships.statements);
  const rights = await planRights(session, scope, templates, wish.registered);
  await session.query("ROLLBACK TO SAVEPOINT desired_state");
  const counts = { ...stage.counts(), ...rights.counts };
  const statements = [...stage.statements, ...rights.statements];
  const summary = {
    ...counts,
    destructive: statements.filter((one) => one.destructive === true).length,
    total: statements.length,
  };
  return {
    statements,
    warnings: [...new Set([...warnings, ...memberships.warnings, ...rights.warnings])],
    result: { summary, templates, degraded: rights.degraded, schemaOwners: rights.schemaOwners },
  };
}

async function readDropped(session: Session, from: DesiredState, to: DesiredState): Promise<DesiredState> {
  const live = await readManagedState(session);
  return subtractState(snapshotOf(live.state, live.roles, from), to);
}

/** Roles and schemas are never dropped: others may have come to need them. */
function keptByRollback({ schemas, templates, roles }: DesiredState): string[] {
  return [
    ...schemas.map(({ name }) => `Schema ${name} stays: nothing is dropped.`),
    ...templates.map(
      ({ name, schema }) => `The roles of template ${name} for schema ${schema} stay, without members.`,
    ),
    ...roles.map(({ name }) => `Role ${name} stays: nothing is dropped.`),
  ];
}

type Part = "roles" | "schemas" | "memberships";

interface Stage {
  readonly statements: Statement[];
  run(part: Part, statements: readonly Statement[]): Promise<void>;
  counts(): Readonly<Record<Part, number>>;
}

function createStage(session: Session): Stage {
  const all: Statement[] = [];
  const counts = { roles: 0, schemas: 0, memberships: 0 };
  return {
    statements: all,
    async run(part, statements) {
      for (const statement of statements) {
        try {
          await session.query(statement.text);
        } catch (error) {
          if (mayRetry(error)) throw error;
          throw databaseError(error, statement.description, { statement: statement.preview });
        }
      }
      all.push(...statements);
      counts[part] += statements.length;
    },
    counts: () => counts,
  };
}

type LatePlan = () => Promise<readonly Statement[]>;

/** Planned one after the other, since each may need what the one before made. */
async function planSchemas(session: Session, scope: StateScope, warnings: string[]): Promise<LatePlan[]> {
  const present = await readUserSchemas(session);
  const { database } = session.target;
  for (const { schema } of scope.state.templates) {
    if (present.has(schema) || scope.state.schemas.some((one) => one.name === schema)) continue;
    throw notFound(
      "schema",
      `There is no schema ${JSON.stringify(schema)}, and the state does not declare it.`,
      {
        schema_name: schema,
      },
    );
  }
  const owners = scope.state.schemas.flatMap((one) => one.owner ?? []);
  const known = await readRoles(session, owners);
  return scope.state.schemas.flatMap(({ name, owner }): LatePlan[] => {
    if (owner !== null && !known.has(owner)) {
      throw notFound("role", `There is no role ${JSON.stringify(owner)} to own schema ${name}.`, { owner });
    }
    const before = present.get(name);
    if (before === undefined) {
      const wanted = owner ?? session.user;
      return [() => planAsOwners(session, [wanted], createSchemaStatement(database, name, wanted))];
    }
    if (owner === null || owner === before) return [];
    if (scope.mode === "additive") {
      warnings.push(
        `Schema ${name} belongs to ${before} and not to ${owner}: mode additive takes nothing away.`,
      );
      return [];
    }
    if (scope.giver !== undefined) assertMayGiveRights(scope.giver, `gives schema ${name} to ${owner}`);
    return [() => planAsOwners(session, [before, owner], changeSchemaOwner(database, name, owner))];
  });
}

interface Rights {
  readonly statements: readonly Statement[];
  readonly warnings: readonly string[];
  readonly counts: { readonly privileges: number; readonly default_privileges: number };
  readonly degraded: ReadonlySet<string>;
  readonly schemaOwners: ReadonlyMap<string, string>;
}

/** Privileges and default privileges, in the database as the roles, schemas and memberships will have made it. */
async function planRights(
  session: Session,
  scope: StateScope,
  templates: readonly ExpandedTemplate[],
  registered: ReadonlySet<string>,
): Promise<Rights> {
  const catalog = await readStateCatalog(session, scope.state, scope.mode === "authoritative");
  const wanted = resolveWanted(scope, catalog);
  const states: TemplateState[] = [];
  for (const template of templates)
    states.push(await readTemplateState(session, scope, template, registered, wanted));
  const foreignEnds = new Set(states.flatMap((one) => one.foreignEnds));
  const grants = compareGrants(scope, catalog, wanted, foreignEnds);
  const defaults = compareDefaults(scope, catalog, wanted);
  const reach = await readReach(session, catalog, grants, states, defaults);
  const { authority } = reach;
  const grantPlan = planGrantChanges(catalog, grants, reach);
  const ofTemplates = planOfFindings(
    distinct(states.flatMap((one) => planTemplate(scope, one, grantPlan.stuck))),
  );
  const defaultPlan = planDefaultChanges(catalog, defaults, authority);
  const additive = scope.mode === "additive" ? additiveWarnings(scope) : [];
  assertNoneRefused([...grantPlan.refused, ...defaultPlan.refused]);
  assertMayChange(scope, grantPlan.usable, defaultPlan.statements);
  const actsFor = [...ofTemplates.actsFor, ...grantPlan.actsFor, ...defaultPlan.actsFor];
  const taken = await planTaking(
    session,
    actsFor.filter((role) => role !== session.user),
    authority,
  );
  const body = orderStatements(ofTemplates.findings, grantPlan, defaultPlan.statements);
  return {
    statements: body.length === 0 ? [] : [...taken.take, ...body, ...taken.giveBack],
    warnings: [...ofTemplates.warnings, ...grantPlan.warnings, ...defaultPlan.warnings, ...additive],
    counts: {
      privileges: body.length - defaultPlan.statements.length,
      default_privileges: defaultPlan.statements.length,
    },
    degraded: ofTemplates.degraded,
    schemaOwners: catalog.schemas,
  };
}

/** What a template's role passed on ends, or gets another grantor, before the role loses what that rests on. */
function orderStatements(
  ofTemplates: readonly RoleFinding[],
  grants: GrantPlan,
  defaults: readonly Statement[],
): Statement[] {
  const takes = (one: RoleFinding): boolean => one.statements.some((each) => each.destructive === true);
  const giving = planOfFindings(ofTemplates.filter((one) => !takes(one)));
  const taking = planOfFindings(ofTemplates.filter(takes));
  return [
    ...giving.statements,
    ...grants.statements,
    ...taking.statements.filter((one) => !taking.closing.includes(one)),
    ...grants.columns,
    ...defaults,
    ...grants.closing,
    ...taking.closing,
  ];
}

/** Database-wide roles are looked at with each schema. */
function distinct(findings: readonly RoleFinding[]): RoleFinding[] {
  const key = ({ kind, role, object, detail }: RoleFinding): string =>
    JSON.stringify([kind, role, object, detail]);
  return [...new Map(findings.map((one) => [key(one), one])).values()];
}

function additiveWarnings({ state }: StateScope): string[] {
  if (state.public_revocations.length === 0) return [];
  return ["Nothing is revoked from PUBLIC: mode additive takes nothing away."];
}

import type { DesiredState } from "../domain/desired-state.ts";
import type { ManagedRole } from "../domain/managed-role.ts";
import { ServiceError } from "../errors.ts";
import type { Membership } from "../postgres/role-catalog.ts";
import type { Session } from "../postgres/session.ts";
import type { GrantObject } from "../postgres/statements/privileges.ts";
import type { RoleFinding } from "./role-finding.ts";
import { assertOwnRole } from "./role-names.ts";
import { assertMayGive } from "./role-permission.ts";
import { planRoles } from "./role-plan.ts";
import { endedForeignGrants } from "./role-plan-privileges.ts";
import { readRenames } from "./role-renames.ts";
import { futureCreators, type RoleState, readRoleState } from "./role-state.ts";
import type { ExpandedTemplate, StateScope } from "./state-scope.ts";
import { defaultKey, privilegeKey, type Wanted } from "./state-wanted.ts";

/** What is known of a template's roles in one schema. */
export interface TemplateState extends ExpandedTemplate {
  readonly state: RoleState;
  /** Keys of what others than the owners granted its roles and is to end: others may hold something by it. */
  readonly foreignEnds: readonly string[];
}

/** Roles of a template that bear another name, with what names them back; `conflict` in mode additive. */
export async function planTemplateRenames(
  session: Session,
  scope: StateScope,
  roles: readonly ManagedRole[],
): Promise<RoleFinding[]> {
  const renames = await readRenames(session, roles);
  const renamed = renames.find((one) => one.statements.length > 0);
  if (scope.mode === "additive" && renamed !== undefined) {
    throw new ServiceError("conflict", `The roles are not touched: ${renamed.detail}.`, {
      details: { because: `${renamed.detail}; mode adopt or authoritative renames it back` },
    });
  }
  return renames;
}

/**
 * Reads it; what the state declares beyond the template is no difference. `wanted` is undefined while only roles and
 * memberships count.
 */
export async function readTemplateState(
  session: Session,
  scope: StateScope,
  { schema, roles }: ExpandedTemplate,
  registered: ReadonlySet<string>,
  wanted: Wanted | undefined,
): Promise<TemplateState> {
  const coming = wanted === undefined ? [] : comingCreators(scope, wanted, schema);
  const read = await readRoleState(session, schema, roles, registered, coming);
  for (const role of roles) {
    const row = read.roles.get(role.name);
    const adoption = { registered, force: scope.mode !== "additive" };
    if (row === undefined || assertOwnRole(role, row, adoption) === "own") continue;
    if (scope.giver !== undefined) await assertMayGive(scope.giver, session.target, row);
  }
  const state = withoutDeclared(read, roles, scope.state, wanted);
  const foreignEnds = roles.flatMap((role) =>
    endedForeignGrants(state, role).flatMap((grant) =>
      grant.privileges.map((privilege) =>
        foreignKey(keyOf(state, grant, grant.object, privilege), grant.grantor),
      ),
    ),
  );
  return { schema, roles, state, foreignEnds };
}

/**
 * What brings a template's roles to their definition. Mode additive leaves out what takes something away. `stuck`: keys
 * of what roles keep because others hold something by it that cannot be ended.
 */
export function planTemplate(
  scope: StateScope,
  { roles, state }: TemplateState,
  stuck: ReadonlySet<string> = new Set(),
): readonly RoleFinding[] {
  const gaps = state.gaps.flatMap((gap) => splitGap(state, gap, (key) => stuck.has(key)));
  // What others than the owners granted ends with what rests on it, whoever holds that.
  const { findings } = planRoles({ ...state, gaps, foreignGrants: [] }, roles, () => true);
  return scope.mode === "additive"
    ? findings.filter((one) => one.statements.every(isNotDestructive))
    : findings;
}

/** One privilege by one grantor. */
export function foreignKey(privilege: string, grantor: string): string {
  return JSON.stringify([privilege, grantor]);
}

/** Who will be able to create in a schema once the state is there: by any of its templates, and by its grants. */
function comingCreators({ templateRoles }: StateScope, { privileges }: Wanted, schema: string): string[] {
  const here = [...templateRoles.values()].filter(({ schemas }) => schemas.has(schema));
  const granted = [...privileges.values()].filter(
    ({ object, privilege }) => object.type === "schema" && object.schema === schema && privilege === "CREATE",
  );
  return [...futureCreators(here.map(({ role }) => role)), ...granted.map((one) => one.grantee)];
}

function isNotDestructive({ destructive }: { readonly destructive?: boolean }): boolean {
  return destructive !== true;
}

/** The same, as if what the state declares beyond the template were not there. */
function withoutDeclared(
  state: RoleState,
  roles: readonly ManagedRole[],
  desired: DesiredState,
  wanted: Wanted | undefined,
): RoleState {
  const isDefined = ({ role, member }: Membership): boolean =>
    roles.some((one) => one.name === member && [...one.inherits, ...one.nativeRoles].includes(role));
  const isDeclared = (row: Membership): boolean =>
    !isDefined(row) && desired.memberships.some((one) => one.role === row.role && one.member === row.member);
  const memberships = state.memberships.filter((row) => !isDeclared(row));
  if (wanted === undefined) return { ...state, memberships };
  return {
    ...state,
    memberships,
    gaps: state.gaps.flatMap((gap) => splitGap(state, gap, (key) => wanted.privileges.has(key))),
    defaults: otherDefaults(state, wanted),
  };
}

/** Privileges to be revoked that are to stay do: an object at a time, since they may be on some. */
function splitGap(
  state: RoleState,
  gap: RoleState["gaps"][number],
  stays: (key: string) => boolean,
): RoleState["gaps"] {
  if (gap.action === "grant") return [gap];
  const leaving = (object: GrantObject): string[] =>
    gap.privileges.filter((one) => !stays(keyOf(state, gap, object, one)));
  const bySet = Map.groupBy(gap.objects, (object) => JSON.stringify(leaving(object)));
  return [...bySet].flatMap(([key, objects]) => {
    const privileges: string[] = JSON.parse(key);
    return privileges.length === 0 ? [] : [{ ...gap, privileges, objects }];
  });
}

function keyOf(
  state: RoleState,
  { objectType, role }: Pick<RoleState["gaps"][number], "objectType" | "role">,
  object: GrantObject,
  privilege: string,
): string {
  const column = object.column ?? null;
  const itself = objectType === "schema" || objectType === "database";
  const key = {
    type: objectType === "column" || objectType === "large_object" ? ("table" as const) : objectType,
    schema: objectType === "database" ? null : state.schema,
    name: itself ? null : object.name,
    arguments: object.arguments,
  };
  return privilegeKey(key, column, role, privilege);
}

function otherDefaults(state: RoleState, wanted: Wanted): RoleState["defaults"] {
  return state.defaults.map((row) => {
    const { creator, grantee, objectType: type } = row;
    if (type === "large_object") return row;
    const privileges = row.privileges.filter(
      (privilege) =>
        !wanted.defaults.has(defaultKey({ creator, grantee, type, privilege, schema: state.schema })),
    );
    return { ...row, privileges };
  });
}

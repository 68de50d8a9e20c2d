import { type DesiredState, emptyState, isExpressibleRole } from "../domain/desired-state.ts";
import { parseRoleMark, roleMarkPrefix } from "../domain/managed-role.ts";
import { isSystemRole } from "../domain/names.ts";
import { addDeclaration, hashState, snapshotOf } from "../domain/state-snapshot.ts";
import type { Target } from "../domain/target.ts";
import { readUserSchemas } from "../postgres/acl-catalog.ts";
import { readMemberships, readRolesByComment } from "../postgres/role-catalog.ts";
import type { Session } from "../postgres/session.ts";
import type { Call, Context } from "./context.ts";

export interface ManagedState {
  readonly state: DesiredState;
  /** Names of the roles that bear the service's mark and are this database's. */
  readonly roles: readonly string[];
}

/** What the service answers for by its roles' marks: templates, members, and owners of their schemas. */
export async function readManagedState(session: Session): Promise<ManagedState> {
  const templates = new Map<string, DesiredState["templates"][number]>();
  const names: string[] = [];
  for (const row of await readRolesByComment(session, roleMarkPrefix)) {
    const mark = parseRoleMark(row.comment);
    if (mark === undefined || mark.database !== session.target.database) continue;
    names.push(row.name);
    if (mark.schema === null) continue;
    const template = { schema: mark.schema, name: mark.template, version: mark.version };
    templates.set(JSON.stringify([mark.template, mark.schema]), template);
  }
  if (names.length === 0) return { state: emptyState, roles: names };
  const owners = await readUserSchemas(session);
  const rows = (await readMemberships(session, { roles: names })).filter(
    ({ member }) =>
      member !== session.user &&
      !isSystemRole(member) &&
      !names.includes(member) &&
      isExpressibleRole(member),
  );
  const memberships = [...Map.groupBy(rows, ({ role, member }) => JSON.stringify([role, member])).values()]
    .map((group) => ({
      role: group[0]?.role ?? "",
      member: group[0]?.member ?? "",
      inherit: group.some((row) => row.inherit),
      set: group.some((row) => row.set),
      admin: group.some((row) => row.admin),
    }))
    .filter(({ inherit, set, admin }) => inherit || set || admin);
  const schemas = [...new Set([...templates.values()].map((one) => one.schema))].map((name) => {
    const owner = owners.get(name) ?? null;
    return { name, owner: owner !== null && isExpressibleRole(owner) ? owner : null };
  });
  const state = { ...emptyState, schemas, templates: [...templates.values()], memberships };
  return { state, roles: names };
}

/** What a state that was applied changes of what was declared before; undefined when no state was applied. */
export interface Declared {
  readonly state: DesiredState;
  /** `adds` to earlier declarations, `replaces` them where it is about the same, or is the `whole`. */
  readonly how: "adds" | "replaces" | "whole";
}

/**
 * Keeps the managed state after a change, and answers its hash. Undefined when the registry could not take it: then one
 * cannot roll back to that change, and everything else is as it should be.
 */
export async function keepManagedState(
  context: Context,
  call: Call,
  target: Target,
  live: ManagedState,
  declared: Declared | undefined,
): Promise<string | undefined> {
  try {
    const earlier = (await readLatestState(context, target)) ?? emptyState;
    const inForce =
      declared === undefined
        ? earlier
        : declared.how === "whole"
          ? declared.state
          : addDeclaration(earlier, declared.state, declared.how === "replaces");
    const state = snapshotOf(live.state, live.roles, inForce);
    const id = hashState(state);
    await context.registry.keepText(target, { kind: "states", id, text: JSON.stringify(state) });
    return id;
  } catch (error) {
    call.log.warning("the state after a change could not be kept", { error });
    return undefined;
  }
}

/** The last state that was kept; undefined when there is none. */
export async function readLatestState(
  context: Context,
  target: Target,
  before?: number,
): Promise<DesiredState | undefined> {
  const range = { newestFirst: true, limit: 100, ...(before === undefined ? {} : { before }) };
  const page = await context.registry.readHistory(target, range);
  const id = page?.records.find((record) => record.state_after !== undefined)?.state_after;
  if (id === undefined) return undefined;
  const text = await context.registry.readText(target, { kind: "states", id });
  if (text === undefined) return undefined;
  const state: DesiredState = JSON.parse(text);
  return hashState(state) === id ? state : undefined;
}

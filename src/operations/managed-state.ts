import { type DesiredState, emptyState } from "../domain/desired-state.ts";
import { isExpressibleRole } from "../domain/desired-state-parser.ts";
import { parseRoleMark, roleMarkPrefix } from "../domain/managed-role.ts";
import { isSystemRole } from "../domain/names.ts";
import { readUserSchemas } from "../postgres/acl-catalog.ts";
import { readMemberships, readRolesByComment } from "../postgres/role-catalog.ts";
import type { Session } from "../postgres/session.ts";

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

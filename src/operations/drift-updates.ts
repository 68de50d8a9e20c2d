import type { ManagedRole } from "../domain/managed-role.ts";
import { ServiceError } from "../errors.ts";
import type { Session } from "../postgres/session.ts";
import { type DeclaredRights, withoutDeclared } from "./declared-rights.ts";
import type { RoleFinding } from "./role-finding.ts";
import { assertOwnRole } from "./role-names.ts";
import { planRoles } from "./role-plan.ts";
import { type RoleState, readRoleStates } from "./role-state.ts";
import type { NewerTemplate } from "./schema-templates.ts";

interface Updates {
  readonly findings: readonly RoleFinding[];
  readonly authority: RoleState["authority"];
}

/** What a newer version of a template would change, with no query when there is none. */
export async function planUpdates(
  session: Session,
  newer: ReadonlyMap<string, readonly NewerTemplate[]>,
  registered: ReadonlySet<string>,
  declared: DeclaredRights,
): Promise<Updates> {
  if (newer.size === 0) return { findings: [], authority: new Map() };
  const wanted = new Map([...newer].map(([schema, list]) => [schema, list.flatMap((one) => one.roles)]));
  const states = await readRoleStates(session, wanted, registered);
  const findings = [...newer].flatMap(([schema, list]) => {
    const state = states.get(schema);
    if (state === undefined) return [];
    return list.map((one) => planUpdate(withoutDeclared(state, one.roles, declared), one));
  });
  return { findings, authority: new Map([...states.values()].flatMap((state) => [...state.authority])) };
}

function planUpdate(state: RoleState, { template, present, roles }: NewerTemplate): RoleFinding {
  const blocked = findBlocked(roles, state);
  const plan = planRoles(state, roles, (role) => !blocked.has(role.name));
  const { name, version } = template;
  return {
    kind: "changed_definition",
    role: null,
    object: `template ${name} in schema ${state.schema}`,
    detail:
      `Its roles were made by version ${present}, and version ${version} is there; roles/initialize with template ${name}, ` +
      `template_version ${version} and force_update applies it.`,
    statements: [...plan.preparation, ...plan.statements],
    actsFor: plan.actsFor,
  };
}

/** Roles that `force_update` refuses to touch: another's, and superuser-like ones. */
export function findBlocked(roles: readonly ManagedRole[], state: RoleState): Map<string, RoleFinding> {
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

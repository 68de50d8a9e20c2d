import { at, type FaultList } from "./fault-list.ts";
import { managedRoleName } from "./managed-role.ts";
import { isSystemRole } from "./names.ts";
import type { RoleTemplate, Template } from "./role-template.ts";

/** What can only be seen of all roles together: kinds that are there twice, what they inherit, and their names. */
export function checkRolesTogether(list: FaultList, template: Template): void {
  const kinds = new Map<string, RoleTemplate>();
  const names = new Map<string, string>();
  for (const [index, role] of template.roles.entries()) {
    const pointer = at("/roles", index);
    if (kinds.has(role.kind)) list.add(at(pointer, "kind"), `${role.kind} is there twice`);
    kinds.set(role.kind, kinds.get(role.kind) ?? role);
    const name = managedRoleName(template, role, "database", "schema");
    if (isSystemRole(name))
      list.add(
        at(pointer, "name_pattern"),
        `leads to names such as ${name}, which PostgreSQL (pg_) or Cloud SQL (cloudsql) keeps`,
      );
    const other = names.get(name);
    if (other !== undefined && other !== role.kind)
      list.add(at(pointer, "name_pattern"), `leads to the same name as the role ${other} has`);
    names.set(name, other ?? role.kind);
  }
  for (const [index, role] of template.roles.entries())
    checkInherited(list, at(at("/roles", index), "inherits"), role, kinds);
}

function checkInherited(
  list: FaultList,
  pointer: string,
  role: RoleTemplate,
  kinds: ReadonlyMap<string, RoleTemplate>,
): void {
  for (const [index, kind] of role.inherits.entries()) {
    const inherited = kinds.get(kind);
    if (inherited === undefined) {
      list.add(at(pointer, index), `there is no role of kind ${JSON.stringify(kind)} in this template`);
    } else if (reaches(inherited, role.kind, kinds)) {
      list.add(at(pointer, index), `leads back to ${role.kind}: roles cannot inherit in a circle`);
    } else if (role.scope === "database" && inherited.scope === "schema") {
      list.add(
        at(pointer, index),
        `${kind} is a role of each schema, which one of the whole database cannot inherit`,
      );
    }
  }
}

function reaches(from: RoleTemplate, kind: string, kinds: ReadonlyMap<string, RoleTemplate>): boolean {
  const seen = new Set<string>();
  const open = [from];
  for (let role = open.pop(); role !== undefined; role = open.pop()) {
    if (role.kind === kind) return true;
    if (seen.has(role.kind)) continue;
    seen.add(role.kind);
    open.push(...role.inherits.flatMap((one) => kinds.get(one) ?? []));
  }
  return false;
}

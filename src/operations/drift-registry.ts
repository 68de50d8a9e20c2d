import type { ManagedRole } from "../domain/managed-role.ts";
import type { RoleRecord } from "./registry.ts";
import type { RoleFinding } from "./role-finding.ts";
import type { RoleState } from "./role-state.ts";

/**
 * Where the registry differs from the template and the catalog. `force_update` records what is; no SQL does.
 * A template says nothing of who owns a schema, so an owner is compared with the one that was recorded.
 */
export function compareRegistry(
  state: RoleState,
  roles: readonly ManagedRole[],
  registered: ReadonlyMap<string, RoleRecord>,
): RoleFinding[] {
  const entries = roles.flatMap((role) => compareEntry(state, role, registered.get(role.name)));
  const owners = roles.flatMap((role) => registered.get(role.name)?.schemaOwner ?? []);
  const owner = owners.find((one) => one !== state.schemaOwner);
  if (owner === undefined) return entries;
  const detail =
    `The schema belonged to ${owner} when its roles were recorded, and belongs to ${state.schemaOwner} now; ` +
    "roles/initialize with force_update records that. The template does not say who is to own it, so it is not given back.";
  const object = `schema ${state.schema}`;
  return [...entries, { kind: "owner_changed", role: null, object, detail, statements: [] }];
}

function compareEntry(
  state: RoleState,
  role: ManagedRole,
  record: RoleRecord | undefined,
): readonly RoleFinding[] {
  const about = { role: role.name, object: `registry entry of ${role.name}`, statements: [] };
  if (record === undefined) {
    if (!state.roles.has(role.name)) return [];
    const detail =
      "The role exists, and the registry does not list it; roles/initialize with force_update records it.";
    return [{ ...about, kind: "missing", detail }];
  }
  if (record.checksum === role.checksum && record.version === role.version) return [];
  const detail =
    `The registry has it by version ${record.version} of its template, the present one is ${role.version}; ` +
    "roles/initialize with force_update records it.";
  return [{ ...about, kind: "changed_definition", detail }];
}

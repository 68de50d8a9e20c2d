import { parseRoleMark } from "../domain/managed-role.ts";
import { guardedNativeRoles } from "../domain/native-roles.ts";
import type { RoleRow } from "../postgres/role-catalog.ts";
import { unsafeAttributes } from "./role-names.ts";
import { assertMayGiveNative, type RoleGiver } from "./role-permission.ts";

/**
 * What makes a role one that nobody is to be made a member of, in words: somewhere up its memberships is a role of
 * Cloud SQL, a guarded predefined one, or one with an attribute. Guarded roles that templates give to theirs are for the
 * caller's policy to allow (`permission_error`; not held against it without a `giver`). `above`: the role and all that
 * it is a member of, directly or not.
 */
export function findReach(
  above: ReadonlyMap<string, RoleRow>,
  role: string,
  database: string,
  giver: RoleGiver | undefined,
): string | undefined {
  const seen = new Set([role]);
  const open: (readonly string[])[] = [[role]];
  for (let path = open.shift(); path !== undefined; path = open.shift()) {
    const fault = path.length === 1 ? undefined : faultOf(above, path, database, giver);
    if (fault !== undefined) return fault;
    for (const group of above.get(path.at(-1) ?? "")?.memberOf ?? []) {
      if (seen.has(group)) continue;
      seen.add(group);
      open.push([...path, group]);
    }
  }
  return undefined;
}

function faultOf(
  above: ReadonlyMap<string, RoleRow>,
  path: readonly string[],
  database: string,
  giver: RoleGiver | undefined,
): string | undefined {
  const name = path.at(-1) ?? "";
  const via = path.slice(1, -1);
  const leads = `is a member of ${name}${via.length === 0 ? "" : ` (through ${via.join(", ")})`}`;
  if (name.startsWith("cloudsql")) return `${leads}, which belongs to Cloud SQL`;
  if (guardedNativeRoles.includes(name)) {
    const own = path.slice(0, -1).every((one) => isOwn(above.get(one), database));
    if (!own) return `${leads}, which reaches beyond any schema`;
    if (giver !== undefined) assertMayGiveNative(giver, name, `${path[0]} leads to`);
    return undefined;
  }
  const row = above.get(name);
  const attributes = row === undefined ? [] : unsafeAttributes(row).filter((one) => one !== "LOGIN");
  return attributes.length === 0 ? undefined : `${leads}, which has the attribute ${attributes.join(", ")}`;
}

/** A managed role of this database: what it has comes from its template. */
function isOwn(row: RoleRow | undefined, database: string): boolean {
  return parseRoleMark(row?.comment ?? null)?.database === database;
}

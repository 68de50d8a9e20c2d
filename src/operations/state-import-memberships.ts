import { type DesiredState, isGrantableRole } from "../domain/desired-state.ts";
import { isExpressibleRole } from "../domain/desired-state-parser.ts";
import { parseRoleMark } from "../domain/managed-role.ts";
import { isSystemRole } from "../domain/names.ts";
import { type Membership, type RoleRow, readMemberships, readRoles } from "../postgres/role-catalog.ts";
import { toIso } from "./access-grant.ts";
import { heldKey } from "./held-accesses.ts";
import { unsafeAttributes } from "./role-names.ts";
import { isLeftAlone, type Reading } from "./state-import-reading.ts";

/**
 * Plain group roles that have to do with this database - they own, hold or create something in it, or are linked to such a role by
 * memberships - and the memberships that any state manages by naming them.
 */
export async function readGroups(reading: Reading): Promise<Pick<DesiredState, "roles" | "memberships">> {
  const { session, catalog, managed, warnings } = reading;
  const start = [...catalog.roles.values()].filter((row) => isPlain(reading, row)).map((row) => row.name);
  const plain = new Set(start);
  const rows = new Map<string, Membership>();
  for (let fresh = [...start, ...managed.roles.keys()]; fresh.length > 0; ) {
    const found = [
      ...(await readMemberships(session, { roles: fresh })),
      ...(await readMemberships(session, { members: fresh })),
    ];
    for (const row of found) rows.set(JSON.stringify([row.role, row.member, row.grantor]), row);
    const linked = [...new Set(found.flatMap((row) => [row.role, row.member]))];
    const unknown = linked.filter((name) => !plain.has(name) && !managed.roles.has(name));
    const groups = [...(await readRoles(session, unknown)).values()].filter((row) => isPlain(reading, row));
    fresh = groups.map((row) => row.name);
    for (const name of fresh) plain.add(name);
  }
  const names = [...new Set([...rows.values()].flatMap((row) => [row.role, row.member]))];
  const roles = await readRoles(session, names);
  const kept = [...rows.values()].filter((row) => isExpressed(reading, roles, row));
  for (const [name, row] of catalog.roles) {
    if (plain.has(name) || row.canLogin || managed.roles.has(name) || isLeftAlone(reading, name)) continue;
    warnings.push(
      `Role ${name} is no plain group role (${[...unsafeAttributes(row), "its attributes"][0]}): the state names it and does not create it.`,
    );
  }
  return {
    roles: [...plain].map((name) => ({ name })),
    memberships: mergeRows(kept, warnings),
  };
}

function isPlain(reading: Reading, row: RoleRow): boolean {
  if (isLeftAlone(reading, row.name) || reading.managed.roles.has(row.name)) return false;
  if (!isExpressibleRole(row.name) || parseRoleMark(row.comment) !== undefined) return false;
  const ofCloud = row.memberOf.some((group) => group.startsWith("cloudsql"));
  return unsafeAttributes(row).length === 0 && row.inherits && !ofCloud;
}

function isExpressed(reading: Reading, roles: ReadonlyMap<string, RoleRow>, row: Membership): boolean {
  const { managed, warnings, catalog, superusers, held } = reading;
  const access = held.get(heldKey(row.role, row.member));
  if (access !== undefined) {
    warnings.push(
      `${row.member} has ${row.role} until ${toIso(access.expiresAt)} by temporary access: no state says that.`,
    );
    return false;
  }
  if (row.member === catalog.admin || isSystemRole(row.member) || superusers.has(row.member)) return false;
  if (managed.roles.has(row.member) && (managed.roles.has(row.role) || isSystemRole(row.role))) return false;
  if (!isExpressibleRole(row.member)) {
    warnings.push(
      `${row.member} has a name that no state can hold: its membership in ${row.role} is left as it is.`,
    );
    return false;
  }
  const role = roles.get(row.role);
  const unsafe = role === undefined ? [] : unsafeAttributes(role);
  if (
    isGrantableRole(row.role) &&
    unsafe.length === 0 &&
    role?.memberOf.every((one) => !one.startsWith("cloudsql")) !== false
  ) {
    return true;
  }
  if (!row.role.startsWith("cloudsql")) {
    warnings.push(`${row.member} is a member of ${row.role}, which no state grants: it is left as it is.`);
  }
  return false;
}

/** From 16 on a membership has a row per grantor; the state has what they come to together. */
function mergeRows(rows: readonly Membership[], warnings: string[]): DesiredState["memberships"] {
  const groups = Map.groupBy(rows, (row) => JSON.stringify([row.role, row.member]));
  return [...groups.values()].flatMap((group) => {
    const [{ role, member }] = group as [Membership];
    const any = (option: "inherit" | "set" | "admin"): boolean => group.some((row) => row[option]);
    const options = { inherit: any("inherit"), set: any("set"), admin: any("admin") };
    if (group.length > 1) {
      const who = group.map((row) => row.grantor).join(" and ");
      warnings.push(`${who} each granted ${role} to ${member}: a state does not say by whom.`);
    }
    if (Object.values(options).some(Boolean)) return [{ role, member, ...options }];
    warnings.push(
      `${member} is a member of ${role} with neither INHERIT nor SET nor ADMIN: no state says that.`,
    );
    return [];
  });
}

import { type ManagedRole, parseRoleMark, placeKey, roleMarkPrefix } from "../domain/managed-role.ts";
import { readGrantable } from "../postgres/authority.ts";
import { readRoles, readRolesByComment } from "../postgres/role-catalog.ts";
import type { Session } from "../postgres/session.ts";
import { renameManagedRole } from "../postgres/statements/roles.ts";
import type { RoleFinding } from "./role-finding.ts";

/**
 * Roles that bear the mark of a wanted role under another name. One is renamed back where the name is free and the
 * admin administers the role; of two roles for one place a person has to say which is to stay. Needs an open
 * transaction.
 */
export async function readRenames(session: Session, wanted: readonly ManagedRole[]): Promise<RoleFinding[]> {
  const byPlace = new Map(wanted.map((role) => [placeKey(role), role]));
  const marked = (await readRolesByComment(session, roleMarkPrefix)).flatMap((row) => {
    const mark = parseRoleMark(row.comment);
    const role = mark === undefined ? undefined : byPlace.get(placeKey(mark));
    return role === undefined || role.name === row.name ? [] : [{ name: row.name, role }];
  });
  if (marked.length === 0) return [];
  const names = wanted.map((role) => role.name);
  const taken = new Set((await readRoles(session, names)).keys());
  const grantable = await readGrantable(
    session,
    marked.map((one) => one.name),
  );
  return marked.map(({ name, role }) => {
    const about = { kind: "role_renamed", role: role.name, object: `role ${name}` } as const;
    const stuck = (because: string): RoleFinding => {
      const detail = `${name} bears the mark of ${role.name}, and is not renamed: ${because}.`;
      return { ...about, detail, warning: detail, statements: [] };
    };
    if (taken.has(role.name))
      return stuck("that one exists as well; move its members, and drop it or its comment");
    if (!grantable.has(name)) return stuck(`${session.user} does not administer it`);
    taken.add(role.name);
    const detail = `${role.name} was renamed to ${name}`;
    return { ...about, detail, prepares: true, statements: [renameManagedRole(name, role)] };
  });
}

/**
 * Reads what would be there after the repairs of findings, which are undone. Needs an open transaction. What is read may
 * try others in turn, under a savepoint of another name.
 */
export async function withRepairs<T>(
  session: Session,
  findings: readonly RoleFinding[],
  savepoint: "renames" | "owners",
  read: () => Promise<T>,
): Promise<T> {
  const statements = findings.flatMap((one) => one.statements);
  if (statements.length === 0) return read();
  await session.query(`SAVEPOINT ${savepoint}`);
  for (const statement of statements) await session.query(statement.text);
  const result = await read();
  await session.query(`ROLLBACK TO SAVEPOINT ${savepoint}`);
  return result;
}

import { formatRoleMark, type ManagedRole } from "../../domain/managed-role.ts";
import type { Statement } from "../../domain/plan.ts";
import { ident, literal } from "../sql.ts";
import { sharedStatement } from "./statement.ts";

/** A group role with no attribute of its own; its owner goes into its comment. */
export function createManagedRole(role: ManagedRole): Statement[] {
  return [
    sharedStatement({
      description: `Create role ${role.name}`,
      database: role.database,
      text: `CREATE ROLE ${ident(role.name)} NOLOGIN NOCREATEDB NOCREATEROLE INHERIT`,
      role: role.name,
    }),
    commentManagedRole(role),
  ];
}

/** Marks a role as managed, and by which template version. */
export function commentManagedRole(role: ManagedRole): Statement {
  return sharedStatement({
    description: `Mark role ${role.name} as managed`,
    database: role.database,
    text: `COMMENT ON ROLE ${ident(role.name)} IS ${literal(formatRoleMark(role))}`,
    role: role.name,
  });
}

/** Takes back attributes that somebody gave to a managed role. */
export function resetRoleAttributes(role: ManagedRole): Statement {
  return sharedStatement({
    description: `Reset the attributes of role ${role.name}`,
    database: role.database,
    text: `ALTER ROLE ${ident(role.name)} NOLOGIN NOCREATEDB NOCREATEROLE INHERIT`,
    destructive: true,
    role: role.name,
  });
}

/** Gives a renamed role its name back. */
export function renameManagedRole(from: string, role: ManagedRole): Statement {
  return sharedStatement({
    description: `Rename role ${from} back to ${role.name}`,
    database: role.database,
    text: `ALTER ROLE ${ident(from)} RENAME TO ${ident(role.name)}`,
    role: role.name,
  });
}

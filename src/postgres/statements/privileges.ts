import type { Statement } from "../../domain/plan.ts";
import type { ObjectType, SchemaObjectType } from "../../domain/role-template.ts";
import { ident, identList, qualified } from "../sql.ts";
import { sharedStatement } from "./statement.ts";

/** An object as GRANT names it. `arguments` (routines only) is pg_get_function_identity_arguments' text. */
export interface GrantObject {
  readonly name: string;
  readonly arguments: string | null;
}

export interface PrivilegeChange {
  readonly action: "grant" | "revoke";
  readonly database: string;
  readonly schema: string;
  readonly objectType: ObjectType;
  readonly privileges: readonly string[];
  readonly grantee: string;
  /** `all`: everything of that type in the schema, in one statement. */
  readonly objects: readonly GrantObject[] | "all";
}

const keyword: Record<ObjectType, string> = {
  database: "DATABASE",
  schema: "SCHEMA",
  table: "TABLE",
  sequence: "SEQUENCE",
  routine: "ROUTINE",
  type: "TYPE",
};

const plural: Record<SchemaObjectType, string> = {
  table: "TABLES",
  sequence: "SEQUENCES",
  routine: "ROUTINES",
  type: "TYPES",
};

/** Names per statement: keeps a statement readable and far below any limit. */
const namesPerStatement = 100;

/** GRANT or REVOKE of privileges on objects that exist. */
export function changePrivileges(change: PrivilegeChange): Statement[] {
  const { objectType, objects, schema, database } = change;
  if (objectType === "database") return [privilegeStatement(change, `DATABASE ${ident(database)}`)];
  if (objectType === "schema") return [privilegeStatement(change, `SCHEMA ${ident(schema)}`)];
  if (objects === "all")
    return [privilegeStatement(change, `ALL ${plural[objectType]} IN SCHEMA ${ident(schema)}`)];
  const names = objects.map((object) => objectName(schema, object));
  const statements: Statement[] = [];
  for (let at = 0; at < names.length; at += namesPerStatement) {
    const some = names.slice(at, at + namesPerStatement).join(", ");
    statements.push(privilegeStatement(change, `${keyword[objectType]} ${some}`));
  }
  return statements;
}

function objectName(schema: string, object: GrantObject): string {
  const name = qualified(schema, object.name);
  return object.arguments === null ? name : `${name}(${object.arguments})`;
}

function privilegeStatement(change: PrivilegeChange, on: string): Statement {
  const grants = change.action === "grant";
  const list = change.privileges.join(", ");
  const where = change.objects === "all" ? `all ${change.objectType}s` : `${change.objectType}s`;
  return sharedStatement({
    description: `${grants ? "Grant" : "Revoke"} ${list} on ${where} ${grants ? "to" : "from"} ${change.grantee}`,
    database: change.database,
    text: `${grants ? "GRANT" : "REVOKE"} ${list} ON ${on} ${grants ? "TO" : "FROM"} ${ident(change.grantee)}`,
    destructive: !grants,
    role: change.grantee,
  });
}

export interface DefaultPrivilegeChange {
  readonly action: "grant" | "revoke";
  readonly database: string;
  readonly schema: string;
  readonly objectType: SchemaObjectType;
  readonly privileges: readonly string[];
  readonly grantee: string;
  /** The roles whose future objects this is about: default privileges bind to the creating role. */
  readonly creators: readonly string[];
}

/** ALTER DEFAULT PRIVILEGES, naming every creator: without FOR ROLE it would bind to the admin's own objects only. */
export function changeDefaultPrivileges(change: DefaultPrivilegeChange): Statement {
  const { action, database, schema, objectType, privileges, grantee, creators } = change;
  const grants = action === "grant";
  const list = privileges.join(", ");
  const verb = grants ? `GRANT ${list} ON` : `REVOKE ${list} ON`;
  return sharedStatement({
    description: `${grants ? "Grant" : "Revoke"} ${list} on future ${objectType}s of ${creators.join(", ")} ${grants ? "to" : "from"} ${grantee}`,
    database,
    text:
      `ALTER DEFAULT PRIVILEGES FOR ROLE ${identList(creators)} IN SCHEMA ${ident(schema)} ` +
      `${verb} ${plural[objectType]} ${grants ? "TO" : "FROM"} ${ident(grantee)}`,
    destructive: !grants,
    role: grantee,
  });
}

/** GRANT SELECT on a relation of an extension. */
export function grantOnExtensionRelation(
  database: string,
  relation: { readonly schema: string; readonly name: string },
  grantee: string,
): Statement {
  return sharedStatement({
    description: `Grant SELECT on ${relation.name} to ${grantee}`,
    database,
    text: `GRANT SELECT ON TABLE ${qualified(relation.schema, relation.name)} TO ${ident(grantee)}`,
    optional: true,
    role: grantee,
  });
}

/** REVOKE as another role, whose grants an owner's REVOKE would leave. Takes SET on that role. */
export function revokeAsGrantor(change: PrivilegeChange, grantor: string): Statement[] {
  const { database, grantee } = change;
  const text = `SET ROLE ${ident(grantor)}`;
  return [
    sharedStatement({ description: `Act as ${grantor}`, database, text, role: grantee }),
    ...changePrivileges(change),
    sharedStatement({ description: "Act as the admin again", database, text: "RESET ROLE", role: grantee }),
  ];
}

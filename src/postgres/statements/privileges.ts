import type { Statement } from "../../domain/plan.ts";
import type { DefaultType, ObjectType } from "../../domain/role-template.ts";
import { ident, identList, qualified } from "../sql.ts";
import { sharedStatement } from "./statement.ts";

/** An object as GRANT names it. `arguments` (routines only) is pg_get_function_identity_arguments' text. */
export interface GrantObject {
  /** Of a large object, its oid. */
  readonly name: string;
  readonly arguments: string | null;
  /** Of a column; `name` is that of its table then. */
  readonly column?: string;
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

/** What can be named as all of its type in a schema. */
function allOf(objectType: ObjectType): string {
  if (objectType in plural && objectType !== "large_object") return plural[objectType as DefaultType];
  throw new TypeError(`there is no statement for every ${objectType} of a schema`);
}

const keyword: Record<ObjectType, string> = {
  database: "DATABASE",
  schema: "SCHEMA",
  table: "TABLE",
  column: "TABLE",
  sequence: "SEQUENCE",
  routine: "ROUTINE",
  type: "TYPE",
  large_object: "LARGE OBJECT",
};

const plural: Record<DefaultType, string> = {
  table: "TABLES",
  sequence: "SEQUENCES",
  routine: "ROUTINES",
  type: "TYPES",
  large_object: "LARGE OBJECTS",
};

/** Names per statement: keeps a statement readable and far below any limit. */
const namesPerStatement = 100;

/** GRANT or REVOKE of privileges on objects that exist. */
export function changePrivileges(change: PrivilegeChange): Statement[] {
  const { objectType, objects, schema, database } = change;
  if (objectType === "database") return [privilegeStatement(change, `DATABASE ${ident(database)}`)];
  if (objectType === "schema") return [privilegeStatement(change, `SCHEMA ${ident(schema)}`)];
  if (objects === "all")
    return [privilegeStatement(change, `ALL ${allOf(objectType)} IN SCHEMA ${ident(schema)}`)];
  if (objectType === "column") return changeColumnPrivileges(change, objects);
  const names = objects.map((object) =>
    objectType === "large_object" ? objectId(object.name) : objectName(schema, object),
  );
  const statements: Statement[] = [];
  for (let at = 0; at < names.length; at += namesPerStatement) {
    const some = names.slice(at, at + namesPerStatement).join(", ");
    statements.push(privilegeStatement(change, `${keyword[objectType]} ${some}`));
  }
  return statements;
}

/** One statement a table. */
function changeColumnPrivileges(change: PrivilegeChange, objects: readonly GrantObject[]): Statement[] {
  const tables = new Map<string, string[]>();
  for (const { name, column = "" } of objects) tables.set(name, [...(tables.get(name) ?? []), column]);
  return [...tables].map(([table, columns]) => {
    const privileges = change.privileges.map((privilege) => `${privilege} (${identList(columns)})`);
    return privilegeStatement({ ...change, privileges }, `TABLE ${qualified(change.schema, table)}`);
  });
}

/** Large objects have no names: what stands here is a number, or nothing runs. */
function objectId(oid: string): string {
  if (!/^\d{1,10}$/.test(oid)) throw new TypeError("a large object is named by its oid");
  return oid;
}

function objectName(schema: string, object: GrantObject): string {
  const name = qualified(schema, object.name);
  return object.arguments === null ? name : `${name}(${object.arguments})`;
}

function privilegeStatement(change: PrivilegeChange, on: string): Statement {
  const grants = change.action === "grant";
  const list = change.privileges.join(", ");
  const kind = `${change.objectType.replaceAll("_", " ")}s`;
  const where = change.objects === "all" ? `all ${kind}` : kind;
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
  readonly objectType: DefaultType;
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
    description: `${grants ? "Grant" : "Revoke"} ${list} on future ${objectType.replaceAll("_", " ")}s of ${creators.join(", ")} ${grants ? "to" : "from"} ${grantee}`,
    database,
    text:
      `ALTER DEFAULT PRIVILEGES FOR ROLE ${identList(creators)} ` +
      // Large objects are in no schema.
      (objectType === "large_object" ? "" : `IN SCHEMA ${ident(schema)} `) +
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

/**
 * What lets a role name objects of a schema for the time of a statement or two, by the schema's owner: whoever acts as a
 * grantor or an owner that has lost USAGE could not even name the objects.
 */
export function lendUsage(
  { database, schema, role }: { readonly database: string; readonly schema: string; readonly role: string },
  managed?: string,
): readonly [lend: Statement, takeBack: Statement] {
  const about = { database, ...(managed === undefined ? {} : { role: managed }) };
  const [on, who] = [`USAGE ON SCHEMA ${ident(schema)}`, ident(role)];
  return [
    sharedStatement({
      ...about,
      description: `Let ${role} into schema ${schema}`,
      text: `GRANT ${on} TO ${who}`,
    }),
    sharedStatement({
      ...about,
      description: `Let ${role} into schema ${schema} no more`,
      text: `REVOKE ${on} FROM ${who}`,
    }),
  ];
}

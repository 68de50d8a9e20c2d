import type { FutureObjectType, GrantObjectType } from "../../domain/grant-privileges.ts";
import type { Statement } from "../../domain/plan.ts";
import { ident, identList, qualified } from "../sql.ts";
import { sharedStatement } from "./statement.ts";

/** `revoke_option` leaves the privilege and takes the right to grant it on. */
export type GrantAction = "grant" | "revoke" | "revoke_option";

export interface GrantChange {
  readonly action: GrantAction;
  readonly database: string;
  readonly type: GrantObjectType;
  /** null for the database. */
  readonly schema: string | null;
  /** Empty for a schema and the database. */
  readonly objects: readonly { readonly name: string; readonly arguments: string | null }[];
  readonly columns: readonly string[];
  readonly privileges: readonly string[];
  /** `public` is PUBLIC: no role can be called that. */
  readonly grantee: string;
  readonly grantable: boolean;
}

const keyword: Record<GrantObjectType, string> = {
  database: "DATABASE",
  schema: "SCHEMA",
  table: "TABLE",
  sequence: "SEQUENCE",
  routine: "ROUTINE",
  type: "TYPE",
};

const plural: Record<FutureObjectType, string> = {
  table: "TABLES",
  sequence: "SEQUENCES",
  routine: "ROUTINES",
  type: "TYPES",
};

const namesPerStatement = 100;

function granteeSql(grantee: string): string {
  return grantee === "public" ? "PUBLIC" : ident(grantee);
}

function verbs(action: GrantAction, grantable: boolean): readonly [verb: string, to: string, suffix: string] {
  if (action === "grant") return ["GRANT", "TO", grantable ? " WITH GRANT OPTION" : ""];
  return [action === "revoke" ? "REVOKE" : "REVOKE GRANT OPTION FOR", "FROM", ""];
}

/** GRANT or REVOKE on existing objects; several statements when there are many names. */
export function changeGrant(change: GrantChange): Statement[] {
  const { type, schema, database, objects } = change;
  if (type === "database") return [grantStatement(change, ident(database), `database ${database}`)];
  if (type === "schema" || schema === null) {
    return [grantStatement(change, ident(schema ?? ""), `schema ${schema}`)];
  }
  const statements: Statement[] = [];
  for (let at = 0; at < objects.length; at += namesPerStatement) {
    const some = objects.slice(at, at + namesPerStatement);
    const names = some.map((one) => {
      const name = qualified(schema, one.name);
      return one.arguments === null ? name : `${name}(${one.arguments})`;
    });
    const [first] = some;
    const what =
      some.length === 1 ? `${type} ${schema}.${first?.name}` : `${some.length} ${type}s of schema ${schema}`;
    statements.push(grantStatement(change, names.join(", "), what));
  }
  return statements;
}

function grantStatement(change: GrantChange, names: string, what: string): Statement {
  const { action, type, database, privileges, columns, grantee, grantable } = change;
  const [verb, to, suffix] = verbs(action, grantable);
  const list = columns.length > 0 ? ` (${identList(columns)})` : "";
  const sql = privileges.map((one) => `${one}${list}`).join(", ");
  return sharedStatement({
    description: describe(
      action,
      privileges,
      grantable,
      columns.length > 0 ? `columns of ${what}` : what,
      grantee,
    ),
    database,
    text: `${verb} ${sql} ON ${keyword[type]} ${names} ${to} ${granteeSql(grantee)}${suffix}`,
    destructive: action !== "grant",
  });
}

function describe(
  action: GrantAction,
  privileges: readonly string[],
  grantable: boolean,
  what: string,
  grantee: string,
): string {
  const list = privileges.join(", ");
  const who = grantee === "public" ? "PUBLIC" : grantee;
  if (action === "grant") {
    return `Grant ${list} on ${what} to ${who}${grantable ? ", who may grant it on" : ""}`;
  }
  if (action === "revoke") return `Revoke ${list} on ${what} from ${who}`;
  return `Take from ${who} the right to grant ${list} on ${what}`;
}

export interface DefaultGrantChange {
  readonly action: GrantAction;
  readonly database: string;
  readonly type: FutureObjectType;
  /** null: in every schema. */
  readonly schema: string | null;
  readonly creators: readonly string[];
  readonly privileges: readonly string[];
  readonly grantee: string;
  readonly grantable: boolean;
}

/** ALTER DEFAULT PRIVILEGES, naming every creator. */
export function changeDefaultGrant(change: DefaultGrantChange): Statement {
  const { action, database, type, schema, creators, privileges, grantee, grantable } = change;
  const [verb, to, suffix] = verbs(action, grantable);
  const where = schema === null ? "" : ` IN SCHEMA ${ident(schema)}`;
  const what = `future ${type}s of ${creators.join(", ")}${schema === null ? "" : ` in schema ${schema}`}`;
  return sharedStatement({
    description: describe(action, privileges, grantable, what, grantee),
    database,
    text:
      `ALTER DEFAULT PRIVILEGES FOR ROLE ${identList(creators)}${where} ` +
      `${verb} ${privileges.join(", ")} ON ${plural[type]} ${to} ${granteeSql(grantee)}${suffix}`,
    destructive: action !== "grant",
  });
}

/**
 * Runs statements as another role: as a grantor, whose grants an owner's REVOKE would leave, or as an owner where
 * PostgreSQL could take the admin to act for somebody else. Takes SET on that role. `managed`: whom it serves.
 */
export function asRole(
  database: string,
  role: string,
  statements: readonly Statement[],
  managed?: string,
): Statement[] {
  const about = { database, ...(managed === undefined ? {} : { role: managed }) };
  return [
    sharedStatement({ ...about, description: `Act as ${role}`, text: `SET ROLE ${ident(role)}` }),
    ...statements,
    sharedStatement({ ...about, description: "Act as the admin again", text: "RESET ROLE" }),
  ];
}

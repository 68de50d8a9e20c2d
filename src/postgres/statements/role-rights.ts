import type { Statement } from "../../domain/plan.ts";
import type { RoleRight } from "../role-rights.ts";
import { ident, identList } from "../sql.ts";
import { sharedStatement } from "./statement.ts";

/** A change of what a role holds on things that have the same keyword, the identities quoted by the server. */
export interface RightChange {
  readonly database: string;
  /** `revoke_option` leaves the privilege and takes the right to grant it on. */
  readonly action: "grant" | "revoke" | "revoke_option";
  /** On one table if it is about columns; else on things of one catalog. Of default privileges one. */
  readonly rights: readonly RoleRight[];
  readonly privileges: readonly string[];
  /** `public` is PUBLIC. */
  readonly grantee: string;
  readonly grantable?: boolean;
  /** Ends what rests on it too: else PostgreSQL refuses (2BP01). */
  readonly cascade?: boolean;
  /** The managed role whose definition this serves. */
  readonly managed: string;
}

const keywords: Readonly<Record<string, string>> = {
  pg_class: "TABLE",
  pg_proc: "ROUTINE",
  pg_type: "TYPE",
  pg_namespace: "SCHEMA",
  pg_database: "DATABASE",
  pg_language: "LANGUAGE",
  pg_foreign_data_wrapper: "FOREIGN DATA WRAPPER",
  pg_foreign_server: "FOREIGN SERVER",
  pg_tablespace: "TABLESPACE",
  pg_largeobject: "LARGE OBJECT",
  pg_parameter_acl: "PARAMETER",
};

const futures: Readonly<Record<string, string>> = {
  r: "TABLES",
  S: "SEQUENCES",
  f: "ROUTINES",
  T: "TYPES",
  n: "SCHEMAS",
  L: "LARGE OBJECTS",
};

/** What GRANT and REVOKE call it. */
export function keywordOf({ catalog, type }: RoleRight): string {
  return type === "sequence" ? "SEQUENCE" : (keywords[catalog] ?? type.toUpperCase());
}

export function changeRight(change: RightChange): Statement {
  const { action, database, grantee, grantable = false, cascade = false, managed } = change;
  const list = change.privileges.join(", ");
  const who = grantee === "public" ? "PUBLIC" : grantee;
  const description = {
    grant: `Grant ${list} to ${who}${grantable ? ", who may grant it on" : ""}`,
    revoke: `Revoke ${list} from ${who}`,
    revoke_option: `Take from ${who} the right to grant ${list}`,
  }[action];
  return sharedStatement({
    description: `${description}: ${describePlaces(change)}`,
    database,
    text: textOf({ ...change, grantable, cascade }),
    destructive: action !== "grant",
    role: managed,
  });
}

function describePlaces({ rights }: RightChange): string {
  const [first] = rights;
  const places = new Set(rights.map((one) => one.identity));
  return places.size === 1 ? `${first?.type} ${first?.identity}` : `${places.size} objects`;
}

function textOf({ action, rights, privileges, grantee, grantable, cascade }: RightChange): string {
  const [first] = rights;
  if (first === undefined) throw new TypeError("a change of rights is about something");
  const verb = { grant: "GRANT", revoke: "REVOKE", revoke_option: "REVOKE GRANT OPTION FOR" }[action];
  const to = `${action === "grant" ? "TO" : "FROM"} ${grantee === "public" ? "PUBLIC" : ident(grantee)}`;
  const end = action === "grant" ? (grantable ? " WITH GRANT OPTION" : "") : cascade ? " CASCADE" : "";
  if (first.futureType !== null) {
    const where = first.schema === null ? "" : ` IN SCHEMA ${ident(first.schema)}`;
    const objects = futures[first.futureType] ?? "TABLES";
    return `ALTER DEFAULT PRIVILEGES FOR ROLE ${ident(first.owner)}${where} ${verb} ${privileges.join(", ")} ON ${objects} ${to}${end}`;
  }
  const columns = rights.flatMap((one) => one.column ?? []);
  const list = columns.length === 0 ? privileges : privileges.map((one) => `${one} (${identList(columns)})`);
  const names = [...new Set(rights.map((one) => one.identity))].join(", ");
  return `${verb} ${list.join(", ")} ON ${keywordOf(first)} ${names} ${to}${end}`;
}

/** The same REVOKE, with what rests on it. */
export function cascading(statement: Statement): Statement {
  const text = `${statement.text} CASCADE`;
  return { ...statement, text, preview: text };
}

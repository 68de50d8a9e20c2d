import type { Statement } from "../../domain/plan.ts";
import type { DefaultAclEntry, Holding } from "../holdings.ts";
import { ident } from "../sql.ts";
import { sharedStatement } from "./statement.ts";

/** Everything a role owns in a database, and the shared objects that it owns, to another role. */
export function reassignOwned(database: string, from: string, to: string): Statement {
  return sharedStatement({
    description: `Give all that ${from} owns in ${database} to ${to}`,
    database,
    text: `REASSIGN OWNED BY ${ident(from)} TO ${ident(to)}`,
    destructive: true,
  });
}

/**
 * Ends all privileges and default privileges of a role in a database. Run after REASSIGN OWNED in one transaction: it
 * would drop what is still owned.
 */
export function dropOwned(database: string, role: string): Statement {
  return sharedStatement({
    description: `Revoke all privileges and default privileges of ${role} in ${database}`,
    database,
    text: `DROP OWNED BY ${ident(role)}`,
    destructive: true,
  });
}

/** Keywords where ALTER, GRANT and REVOKE call an object otherwise than pg_identify_object does. */
const keywords: Readonly<Record<string, string>> = {
  "statistics object": "STATISTICS",
  "foreign-data wrapper": "FOREIGN DATA WRAPPER",
  server: "SERVER",
};

/** One object to another owner. `identity` is quoted by the server. */
export function changeOwner(database: string, holding: Holding, to: string): Statement {
  const keyword = keywords[holding.type] ?? holding.type.toUpperCase();
  return sharedStatement({
    description: `Give ${holding.type} ${holding.identity} to ${to}`,
    database,
    text: `ALTER ${keyword} ${holding.identity} OWNER TO ${ident(to)}`,
    destructive: true,
  });
}

const grantKeywords: Readonly<Record<string, string>> = {
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
};

/** All privileges of a role on one object, its columns included; undefined for what REVOKE cannot name. */
export function revokeAll(database: string, holding: Holding, role: string): Statement | undefined {
  const keyword = holding.type === "sequence" ? "SEQUENCE" : grantKeywords[holding.catalog];
  if (keyword === undefined) return undefined;
  return sharedStatement({
    description: `Revoke all privileges of ${role} on ${holding.type} ${holding.identity}`,
    database,
    text: `REVOKE ALL ON ${keyword} ${holding.identity} FROM ${ident(role)}`,
    destructive: true,
  });
}

/** One grantee's default privileges on one creator's objects of one kind. */
export function revokeDefaults(database: string, entry: DefaultAclEntry): Statement {
  const grantee = entry.grantee === null ? "PUBLIC" : ident(entry.grantee);
  const where = entry.schema === null ? "" : ` IN SCHEMA ${ident(entry.schema)}`;
  return sharedStatement({
    description: `End default privileges on ${entry.objects.toLowerCase()} of ${entry.creator}`,
    database,
    text: `ALTER DEFAULT PRIVILEGES FOR ROLE ${ident(entry.creator)}${where} REVOKE ALL ON ${entry.objects} FROM ${grantee}`,
    destructive: true,
  });
}

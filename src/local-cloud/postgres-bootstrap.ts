import { createHash } from "node:crypto";
import { escapeIdentifier, escapeLiteral } from "pg";
import type { Major } from "./postgres-binaries.ts";
import { roleGrantProcedures } from "./role-grant-procedures.ts";

/**
 * What the admin may do from PostgreSQL 16 on to roles that it did not create: in "permissive" as Cloud SQL's patched
 * server seems to allow, in "strict" as the stock server does. Before 16 there is no difference.
 */
export type Mode = "permissive" | "strict";

export const SUPERUSER = "cloudsqladmin";
export const ADMIN = "postgres";

interface BootstrapStep {
  readonly database: string;
  readonly text: string;
}

/** Does the door change role grants for servers of this kind? */
export function hasDelegatedGrants(major: Major, mode: Mode): boolean {
  return major >= 16 && mode === "permissive";
}

/** The predefined roles that cloudsqlsuperuser has on this major. */
export function predefinedRoles(major: Major): string[] {
  return [
    "pg_monitor",
    "pg_read_all_settings",
    "pg_read_all_stats",
    "pg_stat_scan_tables",
    "pg_signal_backend",
    ...(major >= 15 ? ["pg_checkpoint"] : []),
    ...(major >= 16 ? ["pg_create_subscription"] : []),
    ...(major >= 17 ? ["pg_maintain"] : []),
  ];
}

/** Makes a new cluster, with superuser `cloudsqladmin`, look like one of Cloud SQL. */
export function bootstrapSteps(major: Major, mode: Mode): BootstrapStep[] {
  const option = mode === "permissive" ? " WITH ADMIN OPTION" : "";
  const roles = `
    CREATE ROLE cloudsqlsuperuser NOLOGIN CREATEDB CREATEROLE;
    CREATE ROLE cloudsqliamuser NOLOGIN;
    CREATE ROLE cloudsqliamserviceaccount NOLOGIN;
    CREATE ROLE cloudsqliamgroup NOLOGIN;
    CREATE ROLE cloudsqlreplica NOLOGIN REPLICATION;
    CREATE ROLE cloudsqlimportexport NOLOGIN CREATEDB CREATEROLE IN ROLE cloudsqlsuperuser;
    CREATE ROLE ${ADMIN} LOGIN CREATEDB CREATEROLE NOSUPERUSER INHERIT IN ROLE cloudsqlsuperuser;
    GRANT ${predefinedRoles(major).join(", ")} TO cloudsqlsuperuser${option};
    ALTER DATABASE postgres OWNER TO cloudsqlsuperuser;
    ALTER DATABASE template1 OWNER TO cloudsqlsuperuser;`;
  // From 15 on, the schema belongs to pg_database_owner.
  const schema = major < 15 ? "ALTER SCHEMA public OWNER TO cloudsqlsuperuser;" : "";
  const procedures = hasDelegatedGrants(major, mode) ? roleGrantProcedures(predefinedRoles(major)) : "";
  const everywhere = ["postgres", "template1", "template0"].map((database) => ({
    database,
    text: `${database === "template0" ? "" : schema}\n${procedures}`,
  }));
  return [
    { database: "postgres", text: roles },
    { database: "postgres", text: "ALTER DATABASE template0 ALLOW_CONNECTIONS true" },
    ...everywhere.filter((step) => step.text.trim() !== ""),
    { database: "postgres", text: "ALTER DATABASE template0 ALLOW_CONNECTIONS false" },
  ];
}

/**
 * `+role` matches indirect members too, also WITH INHERIT FALSE: an admin that is a member of an IAM role cannot log in
 * with its password any more. The socket is for the server-side proxy, after it has verified who a certificate is for.
 */
export const hostBasedAuthentication = `\
local all ${SUPERUSER} scram-sha-256
local all +cloudsqliamuser trust
local all +cloudsqliamserviceaccount trust
local all all reject
host all ${SUPERUSER} 127.0.0.1/32 scram-sha-256
host all +cloudsqliamuser 127.0.0.1/32 reject
host all +cloudsqliamserviceaccount 127.0.0.1/32 reject
host all +cloudsqliamgroup 127.0.0.1/32 reject
host all all 127.0.0.1/32 scram-sha-256
`;

/** Sets a password by literal, since ALTER ROLE takes no parameters. */
export function passwordStatement(role: string, password: string): string {
  return `ALTER ROLE ${escapeIdentifier(role)} PASSWORD ${escapeLiteral(password)}`;
}

/** Changes whenever a cluster would be bootstrapped differently. */
export function bootstrapKey(major: Major, mode: Mode): string {
  const text = JSON.stringify([bootstrapSteps(major, mode), hostBasedAuthentication]);
  return createHash("sha256").update(text).digest("hex").slice(0, 10);
}

import type { Statement } from "../../domain/plan.ts";
import { ident, literal } from "../sql.ts";
import { sharedStatement } from "./statement.ts";

/** A login without any attribute or membership. The verifier (see `scramVerifier`) is in no preview. */
export function createLogin(database: string, name: string, verifier: string): Statement {
  const head = `CREATE ROLE ${ident(name)} LOGIN NOCREATEDB NOCREATEROLE INHERIT PASSWORD`;
  return Object.freeze({
    description: `Create login ${name}`,
    database,
    text: `${head} ${literal(verifier)}`,
    preview: `${head} '[hidden]'`,
    transaction: "shared" as const,
  });
}

/** The verifier (see `scramVerifier`) is in no preview. */
export function setPassword(database: string, name: string, verifier: string): Statement {
  const head = `ALTER ROLE ${ident(name)} PASSWORD`;
  return Object.freeze({
    description: `Set the password of ${name}`,
    database,
    text: `${head} ${literal(verifier)}`,
    preview: `${head} '[hidden]'`,
    transaction: "shared" as const,
  });
}

/** It cannot log in any more; its sessions go on. */
export function stopLogin(database: string, name: string): Statement {
  return sharedStatement({
    description: `Let ${name} log in no more`,
    database,
    text: `ALTER ROLE ${ident(name)} NOLOGIN`,
    destructive: true,
  });
}

/** Takes the right to alter the role. To be tried under a savepoint, and undone. */
export function tryAlter(database: string, name: string): Statement {
  return sharedStatement({
    description: `Try whether ${name} may be altered`,
    database,
    text: `ALTER ROLE ${ident(name)} INHERIT`,
  });
}

const waitMs = 5_000;

/** Ends the sessions of a role in all databases, and waits for their end. */
export function endSessions(database: string, name: string): Statement {
  return sharedStatement({
    description: `End the sessions of ${name}`,
    database,
    text:
      `SELECT pg_catalog.pg_terminate_backend(pid, ${waitMs}) FROM pg_catalog.pg_stat_activity ` +
      `WHERE usename::text = ${literal(name)} AND pid <> pg_catalog.pg_backend_pid()`,
    destructive: true,
  });
}

export function dropLogin(database: string, name: string): Statement {
  return sharedStatement({
    description: `Drop role ${name}`,
    database,
    text: `DROP ROLE ${ident(name)}`,
    destructive: true,
  });
}

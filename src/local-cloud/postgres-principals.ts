import { escapeIdentifier, escapeLiteral } from "pg";
import { ServiceError } from "../errors.ts";

export type UserType = "CLOUD_IAM_USER" | "CLOUD_IAM_SERVICE_ACCOUNT" | "CLOUD_IAM_GROUP" | "BUILT_IN";

export interface NewUser {
  /** The role's name as PostgreSQL has it: a service account without `.gserviceaccount.com`. */
  readonly name: string;
  readonly type: UserType;
  readonly password?: string;
  /** Of a built-in user: the roles that it gets instead of cloudsqlsuperuser. */
  readonly databaseRoles?: readonly string[];
}

const iamRoles = {
  CLOUD_IAM_USER: "cloudsqliamuser",
  CLOUD_IAM_SERVICE_ACCOUNT: "cloudsqliamserviceaccount",
  CLOUD_IAM_GROUP: "cloudsqliamgroup",
} as const;

/**
 * What the Cloud SQL Admin API does to make a user. A group is no login: its members are.
 * https://cloud.google.com/sql/docs/postgres/users#other_postgresql_users
 */
export function createUserStatement(user: NewUser): string {
  const name = escapeName(user.name);
  if (user.type !== "BUILT_IN") {
    const login = user.type === "CLOUD_IAM_GROUP" ? "NOLOGIN" : "LOGIN";
    return `CREATE ROLE ${name} ${login} IN ROLE ${iamRoles[user.type]}`;
  }
  const password = user.password === undefined ? "" : ` PASSWORD ${escapeLiteral(user.password)}`;
  if (!user.databaseRoles) {
    return `CREATE ROLE ${name} LOGIN CREATEDB CREATEROLE IN ROLE cloudsqlsuperuser${password}`;
  }
  const roles = user.databaseRoles.map(escapeName).join(", ");
  return `CREATE ROLE ${name} LOGIN${roles === "" ? "" : ` IN ROLE ${roles}`}${password}`;
}

/** Quotes a name, and refuses one that PostgreSQL would cut (so that two names become one). */
export function escapeName(name: string): string {
  if (name === "" || name.includes("\0") || Buffer.byteLength(name) > 63) {
    throw new ServiceError("validation_error", "a name of PostgreSQL has 1 to 63 bytes and no NUL");
  }
  return escapeIdentifier(name);
}

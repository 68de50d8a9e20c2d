/** Object types on which a desired state grants. `table` is every relation that holds rows; a view is one. */
export const grantObjectTypes = ["database", "schema", "table", "sequence", "routine", "type"] as const;
export type GrantObjectType = (typeof grantObjectTypes)[number];

/** Types whose objects lie in a schema and have default privileges. */
export const futureObjectTypes = ["table", "sequence", "routine", "type"] as const;
export type FutureObjectType = (typeof futureObjectTypes)[number];

export function isFutureObjectType(type: GrantObjectType): type is FutureObjectType {
  return (futureObjectTypes as readonly string[]).includes(type);
}

const privileges: Readonly<Record<GrantObjectType, readonly string[]>> = {
  database: ["CONNECT", "CREATE", "TEMPORARY"],
  schema: ["CREATE", "USAGE"],
  table: ["DELETE", "INSERT", "MAINTAIN", "REFERENCES", "SELECT", "TRIGGER", "TRUNCATE", "UPDATE"],
  sequence: ["SELECT", "UPDATE", "USAGE"],
  routine: ["EXECUTE"],
  type: ["USAGE"],
};

/** Privileges that can be granted on columns. */
export const columnPrivileges: readonly string[] = ["INSERT", "REFERENCES", "SELECT", "UPDATE"];

/** The first major that knows a privilege, where that is not all of them (https://www.postgresql.org/docs/17/ddl-priv.html). */
export const privilegeSince: Readonly<Record<string, number>> = { MAINTAIN: 17 };

/** The privileges that an object of a type can have, sorted. */
export function privilegesOf(type: GrantObjectType): readonly string[] {
  return privileges[type];
}

/** What PUBLIC holds on every new object unless it was revoked (https://www.postgresql.org/docs/current/ddl-priv.html). */
export const publicByDefault: Readonly<Record<GrantObjectType, readonly string[]>> = {
  database: ["CONNECT", "TEMPORARY"],
  schema: [],
  table: [],
  sequence: [],
  routine: ["EXECUTE"],
  type: ["USAGE"],
};

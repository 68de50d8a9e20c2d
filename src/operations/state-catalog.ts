import { publicGrantee } from "../domain/desired-grants.ts";
import type { DesiredState } from "../domain/desired-state.ts";
import {
  type AclObject,
  type AclRow,
  type DefaultAclRow,
  type DefaultRevocationRow,
  readAclObjects,
  readAclRows,
  readColumns,
  readDefaultAclRows,
  readDefaultRevocations,
  readUserSchemas,
} from "../postgres/acl-catalog.ts";
import { type RoleRow, readRoles } from "../postgres/role-catalog.ts";
import type { Session } from "../postgres/session.ts";

/** What the catalog says of a database's privileges: all that planning grants needs. */
export interface StateCatalog {
  readonly database: string;
  readonly admin: string;
  readonly versionNum: number;
  /** All schemas but the system's, with their owners. */
  readonly schemas: ReadonlyMap<string, string>;
  readonly objects: readonly AclObject[];
  readonly acl: readonly AclRow[];
  readonly defaults: readonly DefaultAclRow[];
  readonly defaultRevocations: readonly DefaultRevocationRow[];
  /** JSON of `[schema, table, column]` of the tables whose columns the state names. */
  readonly columns: ReadonlySet<string>;
  /** The roles that are named in any of these. */
  readonly roles: ReadonlyMap<string, RoleRow>;
}

/** Reads it in a number of queries that does not grow with the database. */
export async function readStateCatalog(
  session: Session,
  state: DesiredState,
  everywhere: boolean,
): Promise<StateCatalog> {
  const schemas = await readUserSchemas(session);
  const named = [...state.grants, ...state.public_revocations].flatMap((one) => one.schema ?? []);
  const wanted = everywhere
    ? [...schemas.keys()]
    : [...named, ...state.schemas.map((one) => one.name), ...state.templates.map((one) => one.schema)];
  const objects = await readAclObjects(session, wanted);
  const acl = await readAclRows(session, wanted);
  const defaults = await readDefaultAclRows(session);
  const tables = state.grants
    .filter((one) => one.columns.length > 0)
    .flatMap(({ schema, objects: list }) =>
      list === "all" || schema === null
        ? []
        : list.map((one) => ({ schema, name: typeof one === "string" ? one : one.name })),
    );
  const names = [
    ...objects.map((one) => one.owner),
    ...acl.flatMap((one) => [one.grantee, one.grantor]),
    ...defaults.flatMap((one) => [one.creator, one.grantee]),
    ...state.grants.flatMap((one) => [one.grantee, ...one.future_owners]),
    ...state.public_revocations.flatMap((one) => one.future_owners),
    ...state.schemas.flatMap((one) => one.owner ?? []),
    ...schemas.values(),
  ];
  const distinct = [...new Set(names)].filter((name) => name !== publicGrantee);
  return {
    database: session.target.database,
    admin: session.user,
    versionNum: session.versionNum,
    schemas,
    objects,
    acl,
    defaults,
    defaultRevocations: await readDefaultRevocations(session),
    columns: tables.length === 0 ? new Set() : await readColumns(session, tables),
    roles: await readRoles(session, distinct),
  };
}

export function superusersOf(catalog: StateCatalog): ReadonlySet<string> {
  return new Set([...catalog.roles.values()].filter((row) => row.isSuperuser).map((row) => row.name));
}

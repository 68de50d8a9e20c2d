import { publicGrantee } from "../domain/desired-grants.ts";
import type { DesiredState } from "../domain/desired-state.ts";
import { isExpressibleRole } from "../domain/desired-state-parser.ts";
import { identifierFault } from "../domain/names.ts";
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
import { type SharedObjects, sharedObjects } from "../postgres/grant-options.ts";
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
  /** The objects on which others than the owner may grant; a schema and the database have no name there. */
  readonly shared: SharedObjects;
  readonly defaults: readonly DefaultAclRow[];
  readonly defaultRevocations: readonly DefaultRevocationRow[];
  /** JSON of `[schema, table, column]` of the tables whose columns the state names. */
  readonly columns: ReadonlySet<string>;
  /** What has a name that no state can hold, in words: it is left as it is. */
  readonly leftOut: readonly string[];
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
  const leftOut: string[] = [];
  const expressible = <One>(list: readonly One[], what: (one: One) => NamesOf): One[] =>
    list.filter((one) => {
      const { names, roles } = what(one);
      const bad = [...names.filter(isUnreadable), ...roles.filter((role) => !isExpressibleRole(role))];
      for (const name of bad)
        leftOut.push(`No state can hold the name ${JSON.stringify(name)}: what has it is left as it is.`);
      return bad.length === 0;
    });
  const objects = expressible(await readAclObjects(session, wanted), (one) => ({
    names: namesOf(one),
    roles: [],
  }));
  const allAcl = await readAclRows(session, wanted);
  const acl = expressible(allAcl, (row) => ({
    names: [...namesOf(row), row.column],
    roles: [row.grantee],
  }));
  const defaults = expressible(await readDefaultAclRows(session), (row) => ({
    names: [row.schema],
    roles: [row.creator, row.grantee],
  }));
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
    shared: sharedObjects(
      allAcl.filter((row) => row.grantable).map((row) => ({ ...row, name: row.name ?? "" })),
    ),
    defaults,
    defaultRevocations: await readDefaultRevocations(session),
    leftOut: [...new Set(leftOut)],
    columns: tables.length === 0 ? new Set() : await readColumns(session, tables),
    roles: await readRoles(session, distinct),
  };
}

interface NamesOf {
  readonly names: readonly (string | null)[];
  readonly roles: readonly string[];
}

function namesOf({ schema, name }: AclObject): (string | null)[] {
  return [schema, name];
}

function isUnreadable(name: string | null): boolean {
  return name !== null && identifierFault(name) !== undefined;
}

export function superusersOf(catalog: StateCatalog): ReadonlySet<string> {
  return new Set([...catalog.roles.values()].filter((row) => row.isSuperuser).map((row) => row.name));
}

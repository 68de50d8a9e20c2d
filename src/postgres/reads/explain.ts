import type { AclEntry, GrantedObject } from "../../domain/explain.ts";
import {
  createRoleGraph,
  type GraphRole,
  type MembershipRow,
  type RoleGraph,
} from "../../domain/explain-graph.ts";
import type { ObjectName } from "../../domain/explain-object.ts";
import type { Session } from "../session.ts";

/** An object with the schema that it is in. */
export interface FoundObject {
  readonly object: GrantedObject;
  /** undefined for what is in none: a database, a schema and a large object. */
  readonly schema: GrantedObject | undefined;
  /** The types of a function's arguments, as `oidvectortypes` has them and as pg_dump writes them; else null. */
  readonly signature: string | null;
  readonly identity: string | null;
}

/** All roles by name in byte order, and all memberships that count in the session's database; two queries. */
export async function readRoleGraph(session: Session): Promise<RoleGraph> {
  const [roles, memberships] = await Promise.all([
    session.query<GraphRole>(allRoles, [], { name: "explain_roles", read: true }),
    session.query<MembershipRow>(allMemberships(session.versionNum), [], {
      name: "explain_memberships",
      read: true,
    }),
  ]);
  return createRoleGraph(roles.rows, memberships.rows);
}

/** What the catalog has under that name: nothing, one object, or functions that differ in their arguments; one query. */
export async function readGrantedObjects(session: Session, name: ObjectName): Promise<FoundObject[]> {
  const values = valuesOf(name);
  const { rows } = await session.query<ObjectRow>(objectQuery(name, session.versionNum), values, {
    name: `explain_${name.type}`,
    read: true,
  });
  return rows.map((row) => ({
    object: {
      type: name.type,
      owner: row.owner,
      acl: row.acl,
      columnAcl: row.columnAcl ?? [],
      isCatalog: row.isCatalog ?? false,
    },
    schema:
      row.schemaOwner === undefined || row.schemaAcl === undefined
        ? undefined
        : { type: "schema", owner: row.schemaOwner, acl: row.schemaAcl, columnAcl: [], isCatalog: false },
    signature: row.signature ?? null,
    identity: row.identity ?? null,
  }));
}

interface ObjectRow {
  readonly owner: number;
  readonly acl: readonly AclEntry[];
  readonly columnAcl?: readonly AclEntry[];
  readonly isCatalog?: boolean;
  readonly schemaOwner?: number;
  readonly schemaAcl?: readonly AclEntry[];
  readonly signature?: string;
  readonly identity?: string;
}

function valuesOf(name: ObjectName): string[] {
  if (!("schema" in name)) return [name.name];
  return name.type === "column" ? [name.schema, name.name, name.column] : [name.schema, name.name];
}

const allRoles = `
SELECT r.oid, r.rolname AS name, r.rolsuper AS "isSuperuser", r.rolcanlogin AS "canLogin"
FROM pg_catalog.pg_roles r
ORDER BY r.rolname COLLATE "C"`;

/*
 * From PostgreSQL 16 on, INHERIT and SET are options of the membership. Before, a member inherits everything or
 * nothing, by an attribute of its own, and that holds for the implied membership too; from 16 on that one always
 * inherits (roles_is_member_of in src/backend/utils/adt/acl.c).
 */
const allMemberships = (versionNum: number): string => {
  const options =
    versionNum >= 160000
      ? "m.inherit_option AS inherit, m.set_option AS set"
      : "r.rolinherit AS inherit, true AS set";
  const implied = versionNum >= 160000 ? "true" : "r.rolinherit";
  return `
SELECT m.roleid AS role, m.member, g.rolname AS grantor, m.admin_option AS admin, ${options}, false AS implied
FROM pg_catalog.pg_auth_members m
JOIN pg_catalog.pg_roles r ON r.oid = m.member
LEFT JOIN pg_catalog.pg_roles g ON g.oid = m.grantor
UNION ALL
SELECT 'pg_database_owner'::pg_catalog.regrole::oid, d.datdba, NULL, false, ${implied}, true, true
FROM pg_catalog.pg_database d
JOIN pg_catalog.pg_roles r ON r.oid = d.datdba
WHERE d.datname = pg_catalog.current_database()`;
};

/** An ACL as JSON; an empty list for null. */
const exploded = (acl: string): string => `
  (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
    'grantee', a.grantee::bigint, 'grantor', a.grantor::bigint,
    'privilege', a.privilege_type, 'grantable', a.is_grantable)), '[]')
  FROM pg_catalog.aclexplode(${acl}) a)`;

/** The ACL of an object: PostgreSQL stores none until something is granted or revoked. */
const aclOf = (acl: string, letter: string, owner: string): string =>
  exploded(`coalesce(${acl}, pg_catalog.acldefault('${letter}', ${owner}))`);

const inSchema = `n.nspowner AS "schemaOwner", ${aclOf("n.nspacl", "n", "n.nspowner")} AS "schemaAcl"`;

// IsSystemClass() in src/backend/catalog/catalog.c: oids below 12000 are the catalog's own. Its views are excepted.
const isCatalog = `(c.oid < 12000 OR n.nspname = 'pg_toast') AND c.relkind <> 'v' AS "isCatalog"`;

const relation = (letter: string, more = ""): string => `
SELECT c.relowner AS owner, ${aclOf("c.relacl", letter, "c.relowner")} AS acl, ${isCatalog}, ${inSchema}${more}
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace`;

const tableKinds = "c.relkind IN ('r', 'p', 'v', 'm', 'f')";

// A `name` parameter would be cut at 63 bytes and could find something else: compare with text.
const named = "n.nspname = $1::text AND c.relname = $2::text";

const objectQueries = {
  database: `
SELECT d.datdba AS owner, ${aclOf("d.datacl", "d", "d.datdba")} AS acl
FROM pg_catalog.pg_database d WHERE d.datname = $1::text`,
  large_object: `
SELECT l.lomowner AS owner, ${aclOf("l.lomacl", "L", "l.lomowner")} AS acl
FROM pg_catalog.pg_largeobject_metadata l WHERE l.oid = $1::text::oid`,
  schema: `
SELECT n.nspowner AS owner, ${aclOf("n.nspacl", "n", "n.nspowner")} AS acl
FROM pg_catalog.pg_namespace n WHERE n.nspname = $1::text`,
  table: `${relation("r")} WHERE ${named} AND ${tableKinds}`,
  column: `${relation("r", `, ${exploded("t.attacl")} AS "columnAcl"`)}
JOIN pg_catalog.pg_attribute t ON t.attrelid = c.oid
WHERE ${named} AND ${tableKinds} AND t.attname = $3::text AND NOT t.attisdropped`,
  sequence: `${relation("s")} WHERE ${named} AND c.relkind = 'S'`,
  function: `
SELECT p.proowner AS owner, ${aclOf("p.proacl", "f", "p.proowner")} AS acl, ${inSchema},
  pg_catalog.oidvectortypes(p.proargtypes) AS signature,
  pg_catalog.pg_get_function_identity_arguments(p.oid) AS identity
FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = $1::text AND p.proname = $2::text
ORDER BY signature`,
};

function objectQuery(name: ObjectName, versionNum: number): string {
  return name.type === "type" ? typeQuery(versionNum) : objectQueries[name.type];
}

/*
 * An array type has no privileges of its own: those of its elements count; and from PostgreSQL 17 on, those of the
 * range count for a multirange, also as the element of an array (pg_type_aclmask in src/backend/catalog/aclchk.c).
 */
const typeQuery = (versionNum: number): string => {
  const range = "LEFT JOIN pg_catalog.pg_range g ON g.rngmultitypid = coalesce(e.oid, t.oid)";
  const ruling = versionNum >= 170000 ? "coalesce(g.rngtypid, e.oid, t.oid)" : "coalesce(e.oid, t.oid)";
  return `
SELECT u.typowner AS owner, ${aclOf("u.typacl", "T", "u.typowner")} AS acl, ${inSchema}
FROM pg_catalog.pg_type t
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_type e
  ON e.oid = t.typelem AND t.typsubscript = 'pg_catalog.array_subscript_handler'::pg_catalog.regproc
${versionNum >= 170000 ? range : ""}
JOIN pg_catalog.pg_type u ON u.oid = ${ruling}
WHERE n.nspname = $1::text AND t.typname = $2::text`;
};

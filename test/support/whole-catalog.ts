import type { Target } from "../../src/domain/target.ts";
import type { RoleFleet } from "./role-fleet.ts";

const sorted = (acl: string): string => `(SELECT array_agg(a::text ORDER BY a::text) FROM unnest(${acl}) a)`;
const own = (namespace: string): string => `${namespace}::regnamespace::text !~ '^(pg_|information_schema)'`;

const shared = `
  SELECT concat('member ', m.roleid::regrole, ' ', m.member::regrole, ' ', m.grantor::regrole, ' ', to_jsonb(m) - 'oid' - 'roleid' - 'member' - 'grantor') AS line FROM pg_auth_members m
  UNION ALL SELECT concat('role ', to_jsonb(r) - 'oid', shobj_description(r.oid, 'pg_authid')) FROM pg_roles r
  UNION ALL SELECT concat('database ', d.datname, ' ', d.datdba::regrole, ' ', ${sorted("d.datacl")}) FROM pg_database d`;

const ofDatabase = `
  SELECT concat('schema ', n.nspname, ' ', n.nspowner::regrole, ' ', ${sorted("n.nspacl")}) AS line FROM pg_namespace n WHERE ${own("n.oid")}
  UNION ALL SELECT concat('relation ', c.oid::regclass, ' ', c.relowner::regrole, ' ', ${sorted("c.relacl")}) FROM pg_class c WHERE ${own("c.relnamespace")}
  UNION ALL SELECT concat('column ', c.oid::regclass, ' ', t.attname, ' ', ${sorted("t.attacl")}) FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid
   WHERE t.attacl IS NOT NULL AND ${own("c.relnamespace")}
  UNION ALL SELECT concat('routine ', p.oid::regprocedure, ' ', p.proowner::regrole, ' ', ${sorted("p.proacl")}) FROM pg_proc p WHERE ${own("p.pronamespace")}
  UNION ALL SELECT concat('type ', t.oid::regtype, ' ', t.typowner::regrole, ' ', ${sorted("t.typacl")}) FROM pg_type t WHERE ${own("t.typnamespace")}
  UNION ALL SELECT concat('large object ', l.lomowner::regrole, ' ', ${sorted("l.lomacl")}) FROM pg_largeobject_metadata l
  UNION ALL SELECT concat('default ', d.defaclrole::regrole, ' ', d.defaclnamespace::regnamespace, ' ', d.defaclobjtype, ' ', ${sorted("d.defaclacl")}) FROM pg_default_acl d`;

/**
 * All that grants, owns or creates: roles with their attributes and comments, memberships with grantor and options, owners, privileges and
 * default privileges. By names and sorted, so that two servers can be compared.
 */
export async function readWholeCatalog(fleet: RoleFleet, targets: readonly Target[]): Promise<string[]> {
  const read = async (target: Target, sql: string): Promise<string[]> =>
    (await fleet.sql<{ line: string }>(target, `SELECT line FROM (${sql}) l ORDER BY 1`)).map(
      ({ line }) => line,
    );
  const [first] = targets;
  const lines = first === undefined ? [] : await read(first, shared);
  for (const target of targets)
    lines.push(...(await read(target, ofDatabase)).map((line) => `${target.database}: ${line}`));
  return lines;
}

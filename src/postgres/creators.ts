import type { Session } from "./session.ts";
import { membershipOptionsSince } from "./statements/memberships.ts";

/** A schema, with the roles that will be able to create in it; `public` is everybody. */
export interface FutureCreators {
  readonly schema: string;
  readonly roles: readonly string[];
}

/**
 * SQL for the memberships (roleid, member) by which members have the privileges of roles, in the database at hand: from 16
 * on each membership says whether it is inherited, before that each member; who owns the database is a member of
 * pg_database_owner. These are the rules of roles_is_member_of
 * (https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/acl.c).
 */
export function inheritedMemberships(versionNum: number): string {
  const perMembership = versionNum >= membershipOptionsSince;
  return `
       SELECT m.roleid, m.member
         FROM pg_auth_members m JOIN pg_roles u ON u.oid = m.member
        WHERE ${perMembership ? "m.inherit_option" : "u.rolinherit"}
       UNION
       SELECT o.oid, d.datdba
         FROM pg_database d, pg_roles o, pg_roles u
        WHERE d.datname = current_database() AND o.rolname = 'pg_database_owner' AND u.oid = d.datdba
          ${perMembership ? "" : "AND u.rolinherit"}`;
}

/**
 * The roles that can create in schemas now, or that will once `roles` may, by schema: all that hold CREATE by owning,
 * by grant, by inheritance or through PUBLIC, without superusers and without PostgreSQL's and Cloud SQL's own roles
 * (cloudsqlsuperuser counts: databases belong to it and its members can act as it).
 *
 * Follows the memberships down from those who hold the right, rather than asking has_schema_privilege for each role and
 * schema, of which there may be millions.
 */
export async function readCreators(
  session: Session,
  future: readonly FutureCreators[],
): Promise<Map<string, string[]>> {
  const pairs = future.flatMap(({ schema, roles }) => roles.map((role) => [schema, role] as const));
  const { rows } = await session.query<{ schema: string; names: string[] }>(
    `WITH RECURSIVE
     edges AS MATERIALIZED (${inheritedMemberships(session.versionNum)}),
     holders AS (
       SELECT n.nspname::text AS schema, a.grantee AS role
         FROM pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
        WHERE n.nspname::text = ANY ($1::text[]) AND a.privilege_type = 'CREATE'
       UNION
       SELECT w.schema, r.oid
         FROM unnest($2::text[], $3::text[]) AS w (schema, role) JOIN pg_roles r ON r.rolname::text = w.role
       UNION
       SELECT w.schema, 0 FROM unnest($2::text[], $3::text[]) AS w (schema, role) WHERE w.role = 'public'),
     reach AS (
       SELECT schema, role FROM holders
       UNION
       SELECT reach.schema, edges.member FROM reach JOIN edges ON edges.roleid = reach.role),
     all_reach AS (
       SELECT schema, role FROM reach WHERE role <> 0
       UNION
       SELECT reach.schema, r.oid FROM reach, pg_roles r WHERE reach.role = 0)
     SELECT a.schema, array_agg(r.rolname::text ORDER BY r.rolname::text) AS names
       FROM all_reach a JOIN pg_roles r ON r.oid = a.role
      WHERE NOT r.rolsuper
        AND NOT starts_with(r.rolname::text, 'pg_')
        AND (NOT starts_with(r.rolname::text, 'cloudsql') OR r.rolname = 'cloudsqlsuperuser')
      GROUP BY 1`,
    [future.map(({ schema }) => schema), pairs.map(([schema]) => schema), pairs.map(([, role]) => role)],
    { keep: true },
  );
  return new Map(rows.map((row) => [row.schema, row.names]));
}

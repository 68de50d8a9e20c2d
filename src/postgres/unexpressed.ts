import type { Session } from "./session.ts";

interface Row {
  readonly type: string;
  readonly identity: string;
  readonly grantees: string[];
}

/** Privileges on kinds of objects that a desired state does not know, each in words. */
export async function readUnexpressed(session: Session): Promise<string[]> {
  const { rows } = await session.query<Row>(
    `SELECT x.type, x.identity, array_agg(DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC'
              ELSE pg_get_userbyid(a.grantee)::text END) AS grantees
       FROM (SELECT 'language' AS type, l.lanname::text AS identity, l.lanacl AS acl, l.lanowner AS owner FROM pg_language l
             UNION ALL
             SELECT 'foreign-data wrapper', f.fdwname::text, f.fdwacl, f.fdwowner FROM pg_foreign_data_wrapper f
             UNION ALL
             SELECT 'foreign server', s.srvname::text, s.srvacl, s.srvowner FROM pg_foreign_server s
             UNION ALL
             SELECT 'large object', o.oid::text, o.lomacl, o.lomowner FROM pg_largeobject_metadata o
             UNION ALL
             SELECT 'default privileges on ' || CASE d.defaclobjtype WHEN 'n' THEN 'schemas' ELSE 'large objects' END || ' of',
                    pg_get_userbyid(d.defaclrole)::text, d.defaclacl, d.defaclrole
               FROM pg_default_acl d WHERE d.defaclobjtype NOT IN ('r', 'S', 'f', 'T')) x
      CROSS JOIN aclexplode(x.acl) a
      WHERE a.grantee <> x.owner
      GROUP BY 1, 2 ORDER BY 1, 2 LIMIT 200`,
    [],
    { keep: true },
  );
  return rows.map(
    ({ type, identity, grantees }) =>
      `Not in the state: what ${grantees.join(", ")} may do by ${type} ${identity}.`,
  );
}

import { escapeLiteral } from "pg";

/** Names what only this file makes, so that it can be told in an error's context. */
export const PROCEDURE = "cloudsql_change_membership";

/** An INFO with it says that the procedure has done what its caller asked; its message is the command tag. */
export const DONE_SQLSTATE = "CSQL0";

/**
 * The procedure that a role grant is sent to. It does as asked, as the caller, when the caller has ADMIN OPTION on all
 * roles; else it asks a function with the superuser's rights, which does it or declines. When that declines, too, the
 * statement runs as the caller after all, so that the error is the server's own. They are in pg_catalog, for another
 * schema would show up in lists of schemas; needs allow_system_table_mods.
 */
export function roleGrantProcedures(predefined: readonly string[]): string {
  return `
CREATE OR REPLACE FUNCTION pg_catalog.${PROCEDURE}_for(
  verb text, prefix text, roles text[], members text[], suffix text, grantor text, behavior text
) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
  caller text := CASE current_setting('role') WHEN 'none' THEN session_user ELSE current_setting('role') END;
BEGIN
  IF verb NOT IN ('GRANT', 'REVOKE')
    OR prefix !~ '^((ADMIN|INHERIT|SET) OPTION FOR )?$'
    OR suffix !~ '^( WITH (ADMIN|INHERIT|SET) (TRUE|FALSE)(, (ADMIN|INHERIT|SET) (TRUE|FALSE))*)?$'
    OR behavior !~ '^( CASCADE| RESTRICT)?$'
    OR grantor <> current_user
    OR NOT pg_has_role(session_user, 'cloudsqlsuperuser', 'MEMBER')
    OR NOT pg_has_role(caller, 'cloudsqlsuperuser', 'MEMBER')
  THEN
    RETURN false;
  END IF;
  IF EXISTS (
    SELECT FROM unnest(roles) AS granted, pg_roles AS reached
    WHERE pg_has_role(granted::name, reached.oid, 'MEMBER')
      AND (reached.rolsuper OR reached.rolreplication OR reached.rolbypassrls
        OR starts_with(reached.rolname, 'pg_') AND reached.rolname <> 'pg_database_owner'
          AND reached.rolname <> ALL (ARRAY[${predefined.map(escapeLiteral).join(", ")}]
            || (SELECT array_agg(r.rolname::text) FROM pg_roles r WHERE pg_has_role('pg_monitor', r.oid, 'MEMBER'))))
  ) THEN
    RETURN false;
  END IF;
  IF EXISTS (
    SELECT FROM unnest(members) AS member
    WHERE member <> caller AND NOT pg_has_role(caller::name, member::name, 'MEMBER WITH ADMIN OPTION')
  ) THEN
    RETURN false;
  END IF;
  EXECUTE verb || ' ' || prefix
    || (SELECT string_agg(quote_ident(r), ', ' ORDER BY n) FROM unnest(roles) WITH ORDINALITY AS t (r, n))
    || CASE verb WHEN 'GRANT' THEN ' TO ' ELSE ' FROM ' END
    || (SELECT string_agg(quote_ident(m), ', ' ORDER BY n) FROM unnest(members) WITH ORDINALITY AS t (m, n))
    || suffix || behavior;
  RETURN true;
END
$body$;

CREATE OR REPLACE PROCEDURE pg_catalog.${PROCEDURE}(
  statement text, verb text, prefix text, roles text[], members text[], suffix text, grantor text, behavior text
) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
  allowed boolean;
BEGIN
  SELECT bool_and(pg_has_role(role::name, 'MEMBER WITH ADMIN OPTION')) INTO allowed FROM unnest(roles) AS role;
  IF allowed OR pg_catalog.${PROCEDURE}_for(verb, prefix, roles, members, suffix, grantor, behavior) IS NOT TRUE THEN
    EXECUTE statement;
  END IF;
  RAISE INFO '%', verb || ' ROLE' USING ERRCODE = '${DONE_SQLSTATE}';
END
$body$;
`;
}

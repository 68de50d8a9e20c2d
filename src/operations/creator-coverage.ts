import type { ManagedRole } from "../domain/managed-role.ts";
import { emptyPlan, type Plan, type Statement } from "../domain/plan.ts";
import { type DefaultType, defaultTypes } from "../domain/role-template.ts";
import { planTaking, readAuthority } from "../postgres/authority.ts";
import { inheritedMemberships } from "../postgres/creators.ts";
import { type DefaultPrivilege, readDefaultPrivileges } from "../postgres/schema-catalog.ts";
import type { Session } from "../postgres/session.ts";
import { changeDefaultPrivileges } from "../postgres/statements/privileges.ts";
import { readManagedRoles } from "./managed-roles.ts";
import type { RoleFinding } from "./role-finding.ts";
import type { TemplateBook } from "./template-lookup.ts";

/**
 * Default privileges bind to the role that creates, and a table that a member of an admin role makes belongs to that
 * member. So whoever becomes able to create in a managed schema needs default privileges there, and whoever ceases
 * to be able needs none (they would keep the user from being deleted). A user that does not exist yet is taken for one
 * that the same plan creates.
 */
export async function planCreatorChange(
  session: Session,
  role: string,
  user: string,
  change: "assigned" | "revoked",
  book: TemplateBook,
): Promise<Plan> {
  const managed = await readManagedRoles(session, book);
  const affected = await readAffected(session, [...managed.keys()], role, user, change);
  const statements: Statement[] = [];
  const warnings: string[] = [];
  for (const { schema, creators } of affected) {
    const roles = managed.get(schema) ?? [];
    const defaults = await readDefaultPrivileges(
      session,
      [schema],
      roles.map((one) => one.name),
    );
    const changes = creators.flatMap((creator) =>
      changesFor(session, schema, creator, roles, defaults, change),
    );
    const touched = [...new Set(changes.map((one) => one.creator))];
    const authority = await readAuthority(session, touched);
    const reachable = changes.filter((one) => authority.get(one.creator) !== "refused");
    const taken = await planTaking(
      session,
      reachable.map((one) => one.creator),
      authority,
    );
    statements.push(...taken.take, ...reachable.map((one) => one.statement), ...taken.giveBack);
    for (const creator of touched.filter(
      (one) => authority.get(one) === "refused" && change === "assigned",
    )) {
      warnings.push(
        `What ${creator} creates in ${schema} is not covered: ${session.user} may not act for ${creator} on this ` +
          `instance. Let it create after SET ROLE ${role}, so that what it creates belongs to that role.`,
      );
    }
  }
  return statements.length + warnings.length === 0 ? emptyPlan : { statements, warnings };
}

/**
 * What the roles of other templates in a schema lack on what new managed roles will create there: those roles' own
 * template does not speak of them.
 */
export async function planNewCreators(
  session: Session,
  schema: string,
  creators: readonly string[],
  others: readonly ManagedRole[],
): Promise<RoleFinding[]> {
  if (creators.length === 0 || others.length === 0) return [];
  const names = others.map((role) => role.name);
  const defaults = await readDefaultPrivileges(session, [schema], names);
  return creators.flatMap((creator) =>
    changesFor(session, schema, creator, others, defaults, "assigned").map(({ statement }) => ({
      kind: "uncovered_creator",
      role: statement.role ?? null,
      object: `future objects of ${creator} in schema ${schema}`,
      detail: `${statement.role} would lack privileges on them`,
      actsFor: [creator],
      statements: [statement],
    })),
  );
}

interface CreatorStatement {
  readonly creator: string;
  readonly statement: Statement;
}

function changesFor(
  session: Session,
  schema: string,
  creator: string,
  roles: readonly ManagedRole[],
  defaults: readonly DefaultPrivilege[],
  change: "assigned" | "revoked",
): CreatorStatement[] {
  const held = (role: ManagedRole, type: DefaultType): readonly string[] =>
    defaults.find((d) => d.creator === creator && d.grantee === role.name && d.objectType === type)
      ?.privileges ?? [];
  const { database } = session.target;
  return roles.flatMap((role) =>
    defaultTypes.flatMap((objectType) => {
      const has = held(role, objectType);
      const wanted = role.future[objectType] ?? [];
      const privileges = change === "assigned" ? wanted.filter((one) => !has.includes(one)) : has;
      if (privileges.length === 0 || role.name === creator) return [];
      // Those are for all of the database, where the user may be able to create in another schema still.
      if (objectType === "large_object" && change === "revoked") return [];
      const action = change === "assigned" ? "grant" : "revoke";
      const creators = [creator];
      const options = {
        action,
        database,
        schema,
        objectType,
        privileges,
        grantee: role.name,
        creators,
      } as const;
      return [{ creator, statement: changeDefaultPrivileges(options) }];
    }),
  );
}

interface Affected {
  readonly schema: string;
  /** The user, and whoever inherits from it. */
  readonly creators: readonly string[];
}

/**
 * Schemas in which the role lets one create, with those who gain it (`assigned`: the user and its heirs) or lose it
 * (`revoked`: those of them who can't create there by any other way).
 */
async function readAffected(
  session: Session,
  schemas: readonly string[],
  role: string,
  user: string,
  change: "assigned" | "revoked",
): Promise<Affected[]> {
  if (schemas.length === 0) return [];
  const { rows } = await session.query<{ schema: string; creators: string[] }>(
    `WITH heirs AS (
       SELECT h.rolname::text AS name FROM pg_roles h
        WHERE pg_has_role(h.oid, (SELECT u.oid FROM pg_roles u WHERE u.rolname::text = $3::text), 'USAGE')
          AND NOT h.rolsuper AND h.rolname <> current_user
       UNION SELECT $3::text WHERE NOT EXISTS (SELECT FROM pg_roles u WHERE u.rolname::text = $3::text))
     SELECT n.nspname::text AS schema, array_agg(h.name ORDER BY h.name COLLATE "C") AS creators
       FROM pg_namespace n, heirs h
      WHERE n.nspname::text = ANY ($1::text[]) AND has_schema_privilege($2::text, n.oid, 'CREATE')
      GROUP BY 1 ORDER BY 1`,
    [schemas, role, user],
    { keep: true },
  );
  if (change === "assigned") return rows;
  return Promise.all(
    rows.map(async (row) => ({ ...row, creators: await withoutOtherWay(session, row, role, user) })),
  );
}

/** Those who can create in the schema only through the membership that ends. */
async function withoutOtherWay(
  session: Session,
  row: Affected,
  role: string,
  user: string,
): Promise<string[]> {
  const { rows } = await session.query<{ name: string }>(
    `WITH RECURSIVE edges AS (
       SELECT m.roleid, m.member FROM (${inheritedMemberships(session.versionNum)}) m
        WHERE NOT (m.roleid = (SELECT oid FROM pg_roles WHERE rolname::text = $3::text)
                   AND m.member = (SELECT oid FROM pg_roles WHERE rolname::text = $4::text))),
     reach AS (
       SELECT r.oid AS start, r.oid AS role FROM pg_roles r WHERE r.rolname::text = ANY ($2::text[])
       UNION
       SELECT reach.start, edges.roleid FROM reach JOIN edges ON edges.member = reach.role)
     SELECT r.rolname::text AS name FROM pg_roles r
      WHERE r.rolname::text = ANY ($2::text[])
        AND NOT EXISTS (
          SELECT FROM reach, pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
           WHERE reach.start = r.oid AND n.nspname::text = $1::text AND a.privilege_type = 'CREATE'
             AND a.grantee IN (0, reach.role))
      ORDER BY 1`,
    [row.schema, row.creators, role, user],
    { keep: true },
  );
  return rows.map((found) => found.name);
}

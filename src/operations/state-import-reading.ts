import { publicGrantee } from "../domain/desired-grants.ts";
import type { DesiredState } from "../domain/desired-state.ts";
import { parseRoleMark, roleMarkPrefix } from "../domain/managed-role.ts";
import { isSystemRole } from "../domain/names.ts";
import { type RoleRow, readRolesByComment } from "../postgres/role-catalog.ts";
import type { Session } from "../postgres/session.ts";
import type { HeldAccesses } from "./held-accesses.ts";
import type { StateCatalog } from "./state-catalog.ts";

/** What is this service's own in a database. */
export interface Managed {
  readonly templates: DesiredState["templates"];
  readonly roles: ReadonlyMap<string, RoleRow>;
  /** By role: the schemas in which its template looks after its privileges. */
  readonly schemas: ReadonlyMap<string, ReadonlySet<string>>;
}

/** What a state is made from, and what it cannot express. */
export interface Reading {
  readonly session: Session;
  readonly catalog: StateCatalog;
  readonly managed: Managed;
  readonly superusers: ReadonlySet<string>;
  readonly held: HeldAccesses;
  readonly warnings: string[];
}

/** The roles of this database that bear the service's mark, and their templates. */
export async function readManaged(session: Session): Promise<Managed> {
  const templates = new Map<string, DesiredState["templates"][number]>();
  const roles = new Map<string, RoleRow>();
  const places = new Map<string, { template: string; schema: string | null }>();
  for (const row of await readRolesByComment(session, roleMarkPrefix)) {
    const mark = parseRoleMark(row.comment);
    if (mark === undefined || mark.database !== session.target.database) continue;
    roles.set(row.name, row);
    places.set(row.name, { template: mark.template, schema: mark.schema });
    if (mark.schema === null) continue;
    const template = { name: mark.template, version: mark.version, schema: mark.schema };
    templates.set(JSON.stringify([mark.template, mark.schema]), template);
  }
  const list = [...templates.values()];
  const schemas = new Map(
    [...places].map(([name, { template, schema }]) => [
      name,
      new Set(
        list.flatMap((one) =>
          one.name === template && (schema ?? one.schema) === one.schema ? [one.schema] : [],
        ),
      ),
    ]),
  );
  return { templates: list, roles, schemas };
}

/** Whose privileges a state leaves alone, in every mode. */
export function isLeftAlone({ catalog, superusers }: Reading, role: string): boolean {
  if (role === publicGrantee) return false;
  return role === catalog.admin || isSystemRole(role) || superusers.has(role);
}

import type { Statement } from "../domain/plan.ts";
import type { AclObject } from "../postgres/acl-catalog.ts";
import { type Authority, readAuthority, uniteAuthority } from "../postgres/authority.ts";
import { readOutsiders } from "../postgres/foreign-grants.ts";
import type { Session } from "../postgres/session.ts";
import { asRole } from "../postgres/statements/grants.ts";
import { lendUsage } from "../postgres/statements/privileges.ts";
import type { StateCatalog } from "./state-catalog.ts";
import type { GrantChanges } from "./state-plan-grants.ts";
import type { TemplateState } from "./state-plan-templates.ts";
import { objectKey } from "./state-wanted.ts";

/** Whose rights the admin has or can take, and as whom it can act by SET ROLE. */
export interface Reach {
  readonly authority: ReadonlyMap<string, Authority>;
  /** Of owners of shared objects and of grantors who own nothing there: what SET ROLE takes. */
  readonly asActors: ReadonlyMap<string, Authority>;
  /** Those of them without USAGE on a schema in which they are to act, JSON of `[schema, role]`. */
  readonly outsiders: ReadonlySet<string>;
}

/** As whom changes are made, and what that takes. */
export interface Actors {
  readonly may: (role: string) => boolean;
  /** The owner, where others may grant too, or will by the same plan; null: the admin can only be taken to act for it. */
  readonly ownerOf: (object: AclObject) => string | null;
  /** Owners of the schemas into which a role has to be let to act there. */
  readonly letInBy: (role: string, objects: readonly AclObject[]) => string[];
  /** Statements about objects, run as a role. */
  readonly actAs: (
    role: string,
    objects: readonly AclObject[],
    statements: readonly Statement[],
  ) => Statement[];
}

/** Roles whose rights the changes may need. */
export function actorsOf(catalog: StateCatalog, { grants, ends }: GrantChanges): string[] {
  const places = [...grants.map((one) => one.object), ...ends];
  return [
    ...new Set([
      ...places.map((one) => one.owner),
      ...ends.map((row) => row.grantor),
      ...places.flatMap((one) => (one.schema === null ? [] : (catalog.schemas.get(one.schema) ?? []))),
    ]),
  ];
}

type Shared = (object: AclObject) => boolean;

/** Whether somebody else than the owner may grant on an object, or can once the changes are made. */
function sharedBy(catalog: StateCatalog, { grants }: Pick<GrantChanges, "grants">): Shared {
  const coming = new Set(grants.filter((one) => one.grantable).map((one) => objectKey(one.object)));
  return (object) =>
    catalog.shared.has(object, object.name ?? "", object.arguments) || coming.has(objectKey(object));
}

/** As whom statements may have to run, and in which schema. */
function findActors(
  catalog: StateCatalog,
  changes: GrantChanges,
): { readonly schema: string; readonly role: string; readonly owns: boolean }[] {
  const isShared = sharedBy(catalog, changes);
  const objects = [...changes.grants.map((one) => one.object), ...changes.ends];
  const owners = objects.filter((one) => one.owner !== catalog.admin && isShared(one));
  return [
    ...owners.map(({ schema, owner: role }) => ({ schema: schema ?? "", role, owns: true })),
    ...changes.ends
      .filter((row) => row.grantor !== row.owner)
      .map(({ schema, grantor: role }) => ({ schema: schema ?? "", role, owns: false })),
  ];
}

/** Needs an open transaction. What `templates` lack is given before. */
export async function readReach(
  session: Session,
  catalog: StateCatalog,
  grants: GrantChanges,
  templates: readonly TemplateState[],
  defaults: readonly { readonly creator: string }[],
): Promise<Reach> {
  const actors = findActors(catalog, grants);
  const names = actors.map(({ role }) => role);
  const asActors = await readAuthority(session, names, { toOwn: true });
  const foreign = new Set(actors.filter((one) => !one.owns).map((one) => one.role));
  // Who cannot act as an owner by SET ROLE may still have its rights.
  const counting = [...asActors].filter(([role, one]) => foreign.has(role) || one === "takeable");
  const authority = uniteAuthority(
    ...templates.map((one) => one.state.authority),
    await readAuthority(session, [...actorsOf(catalog, grants), ...defaults.map((one) => one.creator)]),
    counting,
  );
  const letIn = new Set([
    ...grants.grants
      .filter(({ object, privilege }) => object.type === "schema" && privilege === "USAGE")
      .map(({ object, grantee }) => JSON.stringify([object.schema, grantee])),
    ...templates.flatMap(({ state }) =>
      state.gaps
        .filter(({ action, objectType }) => action === "grant" && objectType === "schema")
        .filter(({ privileges }) => privileges.includes("USAGE"))
        .map(({ schema, role }) => JSON.stringify([schema, role])),
    ),
  ]);
  const outsiders = [...(await readOutsiders(session, actors))].filter((one) => !letIn.has(one));
  return { authority, asActors, outsiders: new Set(outsiders) };
}

export function createActors(
  catalog: StateCatalog,
  changes: GrantChanges,
  { authority, asActors, outsiders }: Reach,
): Actors {
  const isShared = sharedBy(catalog, changes);
  const may = (role: string): boolean => role === catalog.admin || authority.get(role) !== "refused";
  const closedTo = (role: string, objects: readonly AclObject[]): string[] => {
    const inside = objects.flatMap(({ type, schema }) =>
      type === "schema" || schema === null ? [] : [schema],
    );
    return [...new Set(inside)].filter((schema) => outsiders.has(JSON.stringify([schema, role])));
  };
  const letInBy = (role: string, objects: readonly AclObject[]): string[] =>
    closedTo(role, objects).map((schema) => catalog.schemas.get(schema) ?? "");
  return {
    may,
    letInBy,
    ownerOf: (object) => {
      const { owner } = object;
      if (owner === catalog.admin || !isShared(object)) return null;
      const can = (asActors.get(owner) ?? "refused") !== "refused";
      return can && letInBy(owner, [object]).every(may) ? owner : null;
    },
    actAs: (role, objects, statements) => {
      const { database } = catalog;
      const lent = closedTo(role, objects).map((schema) => lendUsage({ database, schema, role }));
      return [
        ...lent.map(([lend]) => lend),
        ...asRole(database, role, statements),
        ...lent.map(([, takeBack]) => takeBack),
      ];
    },
  };
}

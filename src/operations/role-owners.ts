import { readAuthority, readTaking } from "../postgres/authority.ts";
import { type HoldingOf, readOwned } from "../postgres/holdings.ts";
import type { RoleInSchema } from "../postgres/schema-catalog.ts";
import type { Session } from "../postgres/session.ts";
import { changeOwner } from "../postgres/statements/ownership.ts";
import { unreachable } from "./role-draft.ts";
import type { RoleFinding } from "./role-finding.ts";

/**
 * What managed roles own, but for what those may create that are to create: an owner's rights are beyond any definition.
 * The schema's owner gets it. `pairs` are all of the schemas in which each of the roles has its definition. Needs an open
 * transaction.
 */
export async function planRoleOwners(
  session: Session,
  pairs: readonly RoleInSchema[],
): Promise<RoleFinding[]> {
  if (pairs.length === 0) return [];
  const names = [...new Set(pairs.map(({ role }) => role.name))];
  const owned = (await readOwned(session, names)).filter((one) => isBeyond(pairs, one));
  if (owned.length === 0) return [];
  const heirs = owned.flatMap((one) => one.schemaOwner ?? []);
  const authority = new Map([
    ...(await readAuthority(
      session,
      owned.map((one) => one.role),
    )),
    ...(await readAuthority(session, heirs, { toOwn: true })),
  ]);
  const actors = [...owned.map((one) => one.role), ...heirs].filter((name) => name !== session.user);
  const take = await readTaking(session, actors, authority);
  return owned.map((one) => {
    const about = { kind: "owner_changed", role: one.role, object: `${one.type} ${one.identity}` } as const;
    const detail = `${one.role} owns it, and no definition says so`;
    const heir = isGiven(one) ? one.schemaOwner : null;
    const both = [one.role, heir ?? ""].filter((name) => name !== session.user);
    const refused =
      heir === null ? [] : both.filter((name) => (authority.get(name) ?? "refused") === "refused");
    if (heir === null || refused.length > 0) {
      const because =
        heir === null
          ? "who is to own it instead has to be said by a person"
          : `${session.user} may not act for ${refused.join(", ")}`;
      return unreachable(about.kind, one.role, about.object, `${detail}; ${because}.`);
    }
    const taken = take(both);
    const statements = [...taken.take, changeOwner(session.target.database, one, heir), ...taken.giveBack];
    return {
      ...about,
      detail: `${detail}; ${heir} owns the schema`,
      prepares: true,
      statements: statements.map((statement) => ({ ...statement, role: one.role })),
    };
  });
}

/** Sessions' temporary objects end by themselves, a creator's default privileges are its own. */
function isBeyond(
  pairs: readonly RoleInSchema[],
  { role: name, catalog, schema, follows }: HoldingOf,
): boolean {
  if (follows || catalog === "pg_default_acl" || schema?.startsWith("pg_t") === true) return false;
  const places = pairs.filter(({ role }) => role.name === name);
  return !places.some(
    (one) =>
      one.schema === schema &&
      (catalog === "pg_namespace" || one.role.privileges.schema?.includes("CREATE") === true),
  );
}

/** Schemas and databases have owners that no template names. */
function isGiven({ catalog, schema, schemaOwner, role }: HoldingOf): boolean {
  return schema !== null && schemaOwner !== role && catalog !== "pg_namespace";
}

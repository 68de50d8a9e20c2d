import type { Statement } from "../domain/plan.ts";
import type { Authority } from "../postgres/authority.ts";
import type { RoleRight } from "../postgres/role-rights.ts";
import { asRole } from "../postgres/statements/grants.ts";
import { lendUsage } from "../postgres/statements/privileges.ts";
import { isForeign } from "./ended-rights.ts";

/** Who can end it. */
export function actorOf(right: RoleRight): string {
  return isForeign(right) ? right.grantor : right.owner;
}

export interface Reach {
  readonly admin: string;
  readonly settable: ReadonlyMap<string, Authority>;
  readonly authority: ReadonlyMap<string, Authority>;
}

export function mayActFor({ admin, authority }: Reach, role: string): boolean {
  return role === admin || (authority.get(role) ?? "refused") !== "refused";
}

/** As whom it is ended: its grantor, or the owner where others may grant too; null: the admin is taken to act for it. */
export function findActor(reach: Reach, right: RoleRight): string | null {
  const { owner, schemaOwner } = right;
  if (isForeign(right)) return right.grantor;
  if (!right.shared || right.futureType !== null || owner === reach.admin) return null;
  if ((reach.settable.get(owner) ?? "refused") === "refused") return null;
  return right.ownerReaches || mayActFor(reach, schemaOwner ?? "") ? owner : null;
}

/** Undefined when the admin can end it. */
export function unreachedBecause(reach: Reach, right: RoleRight): string | undefined {
  const { admin, settable, authority } = reach;
  const actor = actorOf(right);
  const may = isForeign(right)
    ? settable.get(actor) === "held" || authority.get(actor) === "takeable"
    : mayActFor(reach, actor);
  if (!may) return `only ${actor} can take that back, and ${admin} may not act for ${actor}`;
  if (right.grantorReaches) return undefined;
  return `${actor} granted that, and may not use schema ${right.schema} any more`;
}

/** An owner may have to be let into the schemas; a grantor who is not in was stuck. */
export function actAs(
  database: string,
  role: string,
  rights: readonly RoleRight[],
  { statements, managed }: { readonly statements: readonly Statement[]; readonly managed: string },
): Statement[] {
  const closed = rights.filter((right) => role === right.owner && !right.ownerReaches);
  const lent = [...new Set(closed.flatMap((right) => right.schema ?? []))].map((schema) =>
    lendUsage({ database, schema, role }, managed),
  );
  return [
    ...lent.map(([lend]) => lend),
    ...asRole(database, role, statements, managed),
    ...lent.map(([, takeBack]) => takeBack),
  ];
}

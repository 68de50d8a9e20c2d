import type { Statement } from "../domain/plan.ts";
import type { ObjectType } from "../domain/role-template.ts";
import { placeOf } from "../postgres/grant-options.ts";
import type { PrivilegeGap } from "../postgres/schema-catalog.ts";
import { asRole } from "../postgres/statements/grants.ts";
import { lendUsage } from "../postgres/statements/privileges.ts";
import { canTake, type Draft, mayActFor, namesAtMost } from "./role-draft.ts";

/** A gap, or a part of one, and as whom it is closed; null: as the admin. */
export interface ActedGap {
  readonly gap: PrivilegeGap;
  readonly actor: string | null;
}

/**
 * Objects on which others than the owner may grant are changed as the owner. All of a type that belongs to one are, if
 * they are many: one statement serves them all then.
 */
export function splitByActor(draft: Draft, gap: PrivilegeGap): ActedGap[] {
  const { shared, objectOwners, admin } = draft.state;
  const place = placeOf(gap);
  if (gap.owner === admin || !shared.hasAny(place) || !mayActAs(draft, gap)) return [{ gap, actor: null }];
  const many = gap.action === "grant" && gap.objects.length > namesAtMost;
  if (many && objectOwners.get(gap.objectType)?.length === 1) return [{ gap, actor: gap.owner }];
  const parts = Map.groupBy(gap.objects, (one) => shared.has(place, one.name, one.arguments));
  return [...parts].map(([isShared, objects]) => ({
    gap: { ...gap, objects },
    actor: isShared ? gap.owner : null,
  }));
}

/** Whether a role can be acted as by SET ROLE, and can name the objects then. */
function mayActAs(draft: Draft, { owner, objectType }: PrivilegeGap): boolean {
  const { settable, schemaOwner } = draft.state;
  if (!settable.has(owner) && !canTake(draft, owner)) return false;
  return !needsUsage(draft, owner, objectType) || mayActFor(draft, schemaOwner);
}

/** Whether USAGE on the schema has to be lent to a role that is to act on objects of a type. */
export function needsUsage({ state, letIn }: Draft, role: string, objectType: ObjectType): boolean {
  const isOutside = state.outsiders.has(JSON.stringify([state.schema, role]));
  return isInSchema(objectType) && isOutside && !letIn.has(role);
}

/** Whether objects of a type are named by their schema. */
export function isInSchema(objectType: ObjectType): boolean {
  return objectType !== "database" && objectType !== "schema" && objectType !== "large_object";
}

/** Statements about objects of a type, run as a role that may have to be let into the schema for them. */
export function actAs(
  draft: Draft,
  actor: string,
  { objectType, managed }: { readonly objectType: ObjectType; readonly managed: string },
  statements: readonly Statement[],
): Statement[] {
  const { database, schema } = draft.state;
  const acted = asRole(database, actor, statements, managed);
  if (!needsUsage(draft, actor, objectType)) return acted;
  const [lend, takeBack] = lendUsage({ database, schema, role: actor }, managed);
  return [lend, ...acted, takeBack];
}

import type { ManagedRole } from "../domain/managed-role.ts";
import { objectKinds, typeOfKind } from "../domain/role-template.ts";
import type { ForeignGrant } from "../postgres/foreign-grants.ts";
import { placeOf } from "../postgres/grant-options.ts";
import type { PrivilegeGap } from "../postgres/schema-catalog.ts";
import { changePrivileges, grantOnExtensionRelation } from "../postgres/statements/privileges.ts";
import { canTake, type Draft, describeObjects, mayActFor, namesAtMost, unreachable } from "./role-draft.ts";
import { type ActedGap, actAs, isInSchema, needsUsage, splitByActor } from "./role-plan-actors.ts";
import { planColumnsAgain } from "./role-plan-columns.ts";

/** What is revoked on the schema itself is left to `planSchemaRevocations`. */
export function planPrivileges(
  draft: Draft,
  touched: readonly ManagedRole[],
  action: PrivilegeGap["action"],
): void {
  planGaps(draft, touched, (gap) => gap.action === action && !isSchemaRevocation(gap));
}

/** Comes last: to revoke what somebody granted on objects takes USAGE on their schema, which may end with this. */
export function planSchemaRevocations(draft: Draft, touched: readonly ManagedRole[]): void {
  planGaps(draft, touched, isSchemaRevocation);
}

function isSchemaRevocation({ action, objectType }: PrivilegeGap): boolean {
  return action === "revoke" && objectType === "schema";
}

function planGaps(
  draft: Draft,
  touched: readonly ManagedRole[],
  isMeant: (gap: PrivilegeGap) => boolean,
): void {
  const { state } = draft;
  const roles = new Map(touched.map((role) => [role.name, role]));
  const gaps = state.gaps.filter((gap) => isMeant(gap) && roles.has(gap.role));
  const acted: ActedGap[] = [];
  for (const gap of gaps) {
    if (mayActFor(draft, gap.owner)) acted.push(...splitByActor(draft, gap));
    else if (gap.action === "revoke" || !gap.publicHolds) warnForeign(draft, gap);
  }
  const merged = Map.groupBy(acted, ({ gap, actor }) =>
    JSON.stringify([gap.role, gap.objectType, gap.privileges, actor]),
  );
  // Who is let in by this plan can act in the schema only then.
  const isEntry = ([one]: readonly ActedGap[]): boolean =>
    one?.gap.objectType === "schema" &&
    draft.state.outsiders.has(JSON.stringify([draft.state.schema, one.gap.role]));
  const groups = [...merged.values()];
  for (const group of [...groups.filter(isEntry), ...groups.filter((one) => !isEntry(one))])
    planPrivilegeGroup(draft, group, roles);
}

/**
 * One statement for all of a type where it serves. Beside an object that is out of reach it would fail (42501), so the others are named,
 * a hundred a statement; types always are, since there is no GRANT ON ALL TYPES.
 */
function planPrivilegeGroup(
  draft: Draft,
  group: readonly ActedGap[],
  roles: ReadonlyMap<string, ManagedRole>,
): void {
  const { state } = draft;
  const [head] = group;
  if (head === undefined) return;
  const { gap: first, actor } = head;
  const role = roles.get(first.role);
  const objects = group.flatMap(({ gap }) => gap.objects);
  const owners = state.objectOwners.get(first.objectType);
  const all =
    first.action === "grant" &&
    objects.length > namesAtMost &&
    coversType(role, first) &&
    owners?.every((owner) => mayActFor(draft, owner)) === true &&
    (actor === null ? mayGrantOnAll(draft, first) : owners.length === 1);
  const grants = first.action === "grant";
  const statements = [
    ...changePrivileges({
      action: first.action,
      database: state.database,
      schema: state.schema,
      objectType: first.objectType,
      privileges: first.privileges,
      grantee: first.role,
      objects: all ? "all" : objects,
    }),
    ...(role === undefined ? [] : planColumnsAgain(draft, role, { ...first, objects })),
  ];
  draft.findings.push({
    kind: grants ? "missing" : "extra",
    role: first.role,
    object: describeObjects(state.schema, first.objectType, objects),
    detail: `${first.role} ${grants ? "lacks" : "holds, beyond its definition,"} ${first.privileges.join(", ")}`,
    ...(isSchemaRevocation(first) ? { closes: true } : {}),
    actsFor: [
      ...((all ? owners : undefined) ?? group.map(({ gap }) => gap.owner)),
      ...schemaRights(draft, first),
    ],
    statements:
      actor === null ? statements : actAs(draft, actor, { ...first, managed: first.role }, statements),
  });
}

/** Whether the admin can be taken to act for nobody but the owners, whichever object of the type it is. */
function mayGrantOnAll({ state }: Draft, { owner, ...gap }: PrivilegeGap): boolean {
  const owners = state.objectOwners.get(gap.objectType);
  return !state.shared.hasAny(placeOf(gap)) || (owners?.length === 1 && owner === state.admin);
}

/** Whether the role is to have the privileges on every kind of objects that a statement for all of the type reaches. */
function coversType(role: ManagedRole | undefined, { objectType, privileges }: PrivilegeGap): boolean {
  if (objectType === "large_object" || objectType === "column") return false;
  const kinds = objectKinds.filter((kind) => typeOfKind[kind] === objectType);
  return kinds.every((kind) =>
    privileges.every((privilege) => role?.privileges[kind]?.includes(privilege) === true),
  );
}

/** An owner of objects may have no USAGE on the schema that they are in. */
function schemaRights(draft: Draft, { objectType }: PrivilegeGap): string[] {
  const { schemaOwner } = draft.state;
  if (!isInSchema(objectType)) return [];
  if (schemaOwner === draft.state.admin) return [];
  return mayActFor(draft, schemaOwner) ? [schemaOwner] : [];
}

function warnForeign(draft: Draft, gap: PrivilegeGap): void {
  const [object] = gap.objects;
  const kind = gap.objectType.replaceAll("_", " ");
  const what = gap.objects.length === 1 ? `${kind} ${object?.name}` : `${gap.objects.length} ${kind}s`;
  const verb = gap.action === "grant" ? "lacks" : "holds more than its definition:";
  const because =
    `${gap.role} ${verb} ${gap.privileges.join(", ")} on ${what} of ${gap.owner}: ` +
    `${draft.state.admin} may not act for ${gap.owner} on this instance.`;
  const drift = gap.action === "grant" ? "missing" : "extra";
  const objects = describeObjects(draft.state.schema, gap.objectType, gap.objects);
  draft.findings.push({ ...unreachable(drift, gap.role, objects, because), degrades: true });
}

/** What others than the owners granted a role and is to end: all but what only they can give here. */
export function endedForeignGrants(state: Draft["state"], role: ManagedRole): ForeignGrant[] {
  return state.foreignGrants.flatMap((grant) => {
    if (grant.role !== role.name) return [];
    const defined = definedPrivileges(role, grant);
    const owned = mayActFor({ state }, grant.owner);
    const privileges = grant.privileges.filter((privilege) => owned || !defined.includes(privilege));
    return privileges.length === 0 ? [] : [{ ...grant, privileges }];
  });
}

export function planForeignGrants(draft: Draft, role: ManagedRole): void {
  const { state, findings } = draft;
  const { database, schema } = state;
  for (const grant of endedForeignGrants(state, role)) {
    const { objectType, grantor, privileges } = grant;
    const object = describeObjects(schema, objectType, [grant.object]);
    const detail = `${role.name} holds ${privileges.join(", ")} that ${grantor} granted, who does not own it`;
    if (!state.settable.has(grantor) && !canTake(draft, grantor)) {
      const because = `${detail}; only ${grantor} can revoke that, and ${state.admin} may not act for ${grantor}.`;
      findings.push(unreachable("foreign_grantor", role.name, object, because));
      continue;
    }
    const lent = needsUsage(draft, grantor, objectType);
    if (lent && !mayActFor(draft, state.schemaOwner)) {
      const because = `${detail}; ${grantor} has no USAGE on the schema, and ${state.admin} may not act for its owner, ${state.schemaOwner}.`;
      findings.push(unreachable("foreign_grantor", role.name, object, because));
      continue;
    }
    const change = { database, schema, objectType, privileges, objects: [grant.object] } as const;
    const revoke = changePrivileges({ ...change, action: "revoke", grantee: role.name });
    findings.push({
      kind: "foreign_grantor",
      role: role.name,
      object,
      detail,
      actsFor: lent ? [grantor, state.schemaOwner] : [grantor],
      statements: actAs(draft, grantor, { objectType, managed: role.name }, revoke),
    });
  }
}

function definedPrivileges(role: ManagedRole, { objectKind, object }: ForeignGrant): readonly string[] {
  if (objectKind !== null)
    return [...(role.privileges[objectKind] ?? []), ...(role.tolerated[objectKind] ?? [])];
  return role.columnGrants
    .filter(({ table, columns }) => table === object.name && columns.includes(object.column ?? ""))
    .flatMap((grant) => grant.privileges);
}

export function planExtensions(draft: Draft, role: ManagedRole): void {
  const { state } = draft;
  for (const relation of state.extensionRelations) {
    if (!role.extensions.includes(relation.extension)) continue;
    if (relation.readers.includes(role.name)) continue;
    const object = `table ${relation.schema}.${relation.name}`;
    if (mayActFor(draft, relation.owner)) {
      draft.findings.push({
        kind: "missing",
        role: role.name,
        object,
        detail: `${role.name} lacks SELECT`,
        actsFor: [relation.owner],
        statements: [grantOnExtensionRelation(state.database, relation, role.name)],
      });
    } else if (!relation.publicReads) {
      const because = `${role.name} cannot read ${relation.name}, which belongs to ${relation.owner}.`;
      draft.findings.push({ ...unreachable("missing", role.name, object, because), degrades: true });
    }
  }
}

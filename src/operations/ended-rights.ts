import type { ManagedRole } from "../domain/managed-role.ts";
import type { RoleRight } from "../postgres/role-rights.ts";
import { mayHoldLargeObjects } from "../postgres/schema-catalog.ts";
import type { DeclaredRights } from "./declared-rights.ts";

/** A right that is to end, or its grant option, with what others hold by it. */
export interface EndedRight {
  readonly right: RoleRight;
  readonly loses: "privilege" | "option";
  /** Granted anew, by whom it rests on then: who holds them may not be to blame. */
  readonly dependents: readonly RoleRight[];
  /** All that rests on it: PostgreSQL ends it too, or nothing. */
  readonly swept: readonly RoleRight[];
}

/** By somebody else than the owner. */
export function isForeign({ grantor, owner }: RoleRight): boolean {
  return grantor !== owner;
}

type Roles = ReadonlyMap<string, readonly ManagedRole[]>;

/** What roles hold and no definition or declared state gives them; pure. */
export function findEnded(
  rights: readonly RoleRight[],
  roles: Roles,
  declared: DeclaredRights,
): EndedRight[] {
  const byGrantor = Map.groupBy(rights, (right) => subjectOf(right, right.grantor));
  const loses = new Map<RoleRight, EndedRight["loses"]>();
  for (const right of rights) {
    const found = losesOf(right, roles.get(right.grantee) ?? [], declared);
    if (found !== undefined) loses.set(right, found);
  }
  const losers = new Set([...loses.keys()].map((right) => subjectOf(right, right.grantee)));
  const isManaged = (right: RoleRight): boolean => roles.has(right.grantee);
  /** What managed roles passed on, and they in turn; what others did with it stays, since they keep it. */
  const restingOn = (right: RoleRight): RoleRight[] => {
    const found = new Set<RoleRight>();
    const visit = (one: RoleRight): void => {
      for (const next of byGrantor.get(subjectOf(one, one.grantee)) ?? []) {
        if (found.has(next)) continue;
        found.add(next);
        if (isManaged(next)) visit(next);
      }
    };
    visit(right);
    return [...found];
  };
  return [...loses]
    .filter(([right]) => !(isForeign(right) && losers.has(subjectOf(right, right.grantor))))
    .map(([right, what]) => {
      const swept = right.grantable ? restingOn(right) : [];
      return { right, loses: what, swept, dependents: swept.filter((one) => !isManaged(one)) };
    });
}

function subjectOf({ catalog, identity, column, privilege }: RoleRight, role: string): string {
  return JSON.stringify([catalog, identity, column, privilege, role]);
}

function losesOf(
  right: RoleRight,
  definitions: readonly ManagedRole[],
  declared: DeclaredRights,
): EndedRight["loses"] | undefined {
  if (definitions.length === 0) return undefined;
  const wanted = findDeclared(right, declared);
  const isOption = right.grantable && wanted !== true;
  if (wanted !== undefined || isDefined(right, definitions)) return isOption ? "option" : undefined;
  return "privilege";
}

/** Whether a definition says so, or is compared with it elsewhere. */
function isDefined(right: RoleRight, definitions: readonly ManagedRole[]): boolean {
  if (right.inside || right.futureType === "L") return true;
  return definitions.some((role) => {
    if (right.isDatabase) return role.privileges.database?.includes(right.privilege) === true;
    if (right.catalog === "pg_largeobject") return mayHoldLargeObjects(role);
    return right.privilege === "SELECT" && role.extensions.includes(right.extension ?? "");
  });
}

const declaredTypes: Readonly<Record<string, string>> = {
  pg_class: "table",
  pg_proc: "routine",
  pg_type: "type",
  pg_namespace: "schema",
  pg_database: "database",
};
const declaredFutures: Readonly<Record<string, string>> = {
  r: "table",
  S: "sequence",
  f: "routine",
  T: "type",
};

function findDeclared(right: RoleRight, declared: DeclaredRights): boolean | undefined {
  const { catalog, grantee, schema, owner, privilege, futureType, arguments: signature, column } = right;
  if (futureType !== null) {
    return declared.future({ grantee, schema, owner, privilege, type: declaredFutures[futureType] ?? "" });
  }
  if (catalog === "pg_database" && !right.isDatabase) return undefined;
  const type = right.type === "sequence" ? "sequence" : (declaredTypes[catalog] ?? "");
  const name = catalog === "pg_database" ? null : right.name;
  return declared.privilege({ grantee, type, schema, name, arguments: signature, column, privilege });
}

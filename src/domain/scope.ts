import { connectionName, type Instance, instanceKey, type Target, targetKey } from "./target.ts";

/** What a command to the pools is for: every database, those of one instance, or one database. */
export type Scope = "everything" | Instance | Target;

function isTarget(scope: Instance | Target): scope is Target {
  return "database" in scope;
}

export function covers(scope: Scope, target: Target): boolean {
  if (scope === "everything") return true;
  if (isTarget(scope)) return targetKey(scope) === targetKey(target);
  return instanceKey(scope) === instanceKey(target);
}

/** Whether all that `inner` covers is covered by `outer`. */
export function includes(outer: Scope, inner: Scope): boolean {
  if (outer === "everything") return true;
  if (inner === "everything") return false;
  if (isTarget(outer)) return isTarget(inner) && targetKey(outer) === targetKey(inner);
  return instanceKey(outer) === instanceKey(inner);
}

/** For people: `everything`, `p:r:i`, or `the database d on p:r:i`. */
export function describeScope(scope: Scope): string {
  if (scope === "everything") return "everything";
  const name = connectionName(scope);
  return isTarget(scope) ? `the database ${scope.database} on ${name}` : name;
}

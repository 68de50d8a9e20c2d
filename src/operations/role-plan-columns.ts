import type { ManagedRole } from "../domain/managed-role.ts";
import type { Statement } from "../domain/plan.ts";
import type { PrivilegeGap } from "../postgres/schema-catalog.ts";
import type { GrantObject } from "../postgres/statements/privileges.ts";
import { changePrivileges } from "../postgres/statements/privileges.ts";
import type { Draft } from "./role-draft.ts";

/** Columns that a definition names and that are not there: nothing can be granted on them, and nobody is to be blamed. */
export function planAbsentColumns(draft: Draft, role: ManagedRole): void {
  const { schema } = draft.state;
  const byTable = new Map<string, string[]>();
  for (const { relation, column } of draft.state.absentColumns.filter((one) => one.role === role.name))
    byTable.set(relation, [...(byTable.get(relation) ?? []), column]);
  for (const [table, columns] of byTable) {
    const because =
      `${role.name} is to have privileges on ${columns.join(", ")} of ${schema}.${table}, ` +
      "and there is no such column; apply the template again when there is.";
    draft.findings.push({
      kind: "missing",
      role: role.name,
      object: `columns of ${schema}.${table}`,
      detail: because,
      warning: because,
      statements: [],
      degrades: true,
      limitOfInstance: true,
    });
  }
}

/**
 * REVOKE on tables takes the same privileges on their columns with it: those of the definition are granted again, in the
 * same finding, since without the one there is no need of the other.
 */
export function planColumnsAgain(
  draft: Draft,
  role: ManagedRole,
  {
    action,
    objectType,
    privileges,
    objects,
  }: Pick<PrivilegeGap, "action" | "objectType" | "privileges" | "objects">,
): Statement[] {
  if (action !== "revoke" || objectType !== "table") return [];
  const { database, schema } = draft.state;
  return objects.flatMap(({ name }) =>
    role.columnGrants.flatMap((grant) => {
      if (grant.table !== name) return [];
      const again = grant.privileges.filter((one) => privileges.includes(one));
      const columns = presentColumns(draft, role, name, grant.columns);
      if (again.length === 0 || columns.length === 0) return [];
      const about = { action: "grant", database, schema, objectType: "column", grantee: role.name } as const;
      return changePrivileges({ ...about, privileges: again, objects: columns });
    }),
  );
}

function presentColumns(
  { state }: Draft,
  role: ManagedRole,
  table: string,
  columns: readonly string[],
): GrantObject[] {
  const absent = state.absentColumns.filter((one) => one.role === role.name && one.relation === table);
  return columns
    .filter((column) => !absent.some((one) => one.column === column))
    .map((column) => ({ name: table, arguments: null, column }));
}

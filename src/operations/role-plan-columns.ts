import type { ManagedRole } from "../domain/managed-role.ts";
import type { PrivilegeGap } from "../postgres/schema-catalog.ts";
import type { GrantObject } from "../postgres/statements/privileges.ts";
import { changePrivileges } from "../postgres/statements/privileges.ts";
import { type Draft, describeObjects, mayActFor } from "./role-draft.ts";

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

/** REVOKE on a table takes the same privilege on its columns with it: those of the definition are granted again. */
export function planColumnsAgain(draft: Draft, role: ManagedRole): void {
  const { state } = draft;
  for (const gap of state.gaps) {
    if (gap.action !== "revoke" || gap.role !== role.name || gap.objectType !== "table") continue;
    if (!mayActFor(draft, gap.owner)) continue;
    for (const { name } of gap.objects) {
      for (const grant of role.columnGrants.filter((one) => one.table === name)) {
        const privileges = grant.privileges.filter((one) => gap.privileges.includes(one));
        const objects = presentColumns(draft, role, name, grant.columns);
        if (privileges.length > 0 && objects.length > 0) grantAgain(draft, gap, privileges, objects);
      }
    }
  }
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

function grantAgain(
  draft: Draft,
  gap: PrivilegeGap,
  privileges: readonly string[],
  objects: readonly GrantObject[],
): void {
  const { database, schema } = draft.state;
  const { role, owner } = gap;
  const list = privileges.join(", ");
  draft.findings.push({
    kind: "missing",
    role,
    object: describeObjects(schema, "column", objects),
    detail: `${role} loses ${list} on them with the same on the table`,
    actsFor: [owner],
    statements: changePrivileges({
      action: "grant",
      database,
      schema,
      objectType: "column",
      privileges,
      grantee: role,
      objects,
    }),
  });
}

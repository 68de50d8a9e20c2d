import type { ObjectType } from "../domain/role-template.ts";
import type { GrantObject } from "../postgres/statements/privileges.ts";
import type { RoleFinding } from "./role-finding.ts";
import type { RoleState } from "./role-state.ts";

/** Findings while they are collected. */
export interface Draft {
  readonly state: RoleState;
  readonly findings: RoleFinding[];
  /** Managed roles that the plan lets into the schema. */
  readonly letIn: ReadonlySet<string>;
}

/** From this many objects on, one statement for all of a schema is better than names. */
export const namesAtMost = 20;

/** What the admin cannot end. */
export function unreachable(
  kind: RoleFinding["kind"],
  role: string | null,
  object: string,
  because: string,
): RoleFinding {
  return { kind, role, object, detail: because, statements: [], warning: because };
}

/** Owners and creators that do not exist yet are managed roles that the plan creates: the admin administers them. */
export function mayActFor(draft: Pick<Draft, "state">, role: string): boolean {
  return draft.state.authority.get(role) !== "refused";
}

export function canTake(draft: Pick<Draft, "state">, role: string): boolean {
  return draft.state.authority.get(role) === "takeable";
}

/** Objects for people. */
export function describeObjects(schema: string, type: ObjectType, objects: readonly GrantObject[]): string {
  const names = objects.slice(0, namesAtMost).map(({ name, arguments: signature, column }) => {
    const qualifier = type === "database" || type === "schema" || type === "large_object" ? "" : `${schema}.`;
    const part = column === undefined ? "" : `.${column}`;
    return `${qualifier}${name}${part}${signature === null ? "" : `(${signature})`}`;
  });
  const more = objects.length > names.length ? ` and ${objects.length - names.length} more` : "";
  return `${type.replaceAll("_", " ")} ${names.join(", ")}${more}`;
}

import type { Statement } from "../domain/plan.ts";

/** How managed roles can differ from their definition. */
export const driftKinds = [
  "missing",
  "extra",
  "changed_definition",
  "foreign_grantor",
  "membership_options",
  "owner_changed",
  "role_dropped",
  "role_renamed",
  "uncovered_creator",
] as const;
export type DriftKind = (typeof driftKinds)[number];

/** One difference between managed roles and their definition, with the statements that end it. */
export interface RoleFinding {
  readonly kind: DriftKind;
  /** The managed role; null when it is about all of a schema's. */
  readonly role: string | null;
  /** For people, such as `table app.orders`. */
  readonly object: string;
  readonly detail: string;
  /** Empty when the admin cannot end it: then `detail` says why. */
  readonly statements: readonly Statement[];
  /** Statements that create roles or change memberships come before any rights are taken. */
  readonly prepares?: boolean;
  /** Statements that take the way into a schema come after all that act in it. */
  readonly closes?: boolean;
  /** Roles whose rights the statements need. */
  readonly actsFor?: readonly string[];
  /** What keeps the admin from ending it, for the caller of an operation that tries. */
  readonly warning?: string;
  /** Part of the role's definition is not to be had here. */
  readonly degrades?: boolean;
  /** The instance does not allow it at all: once it is recorded as degraded it is no drift. */
  readonly limitOfInstance?: boolean;
}

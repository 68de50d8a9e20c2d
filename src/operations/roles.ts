import type { StatementPreview } from "../domain/plan.ts";
import type { Target } from "../domain/target.ts";
import type { Call, Context } from "./context.ts";
import type { RegistryStatus } from "./registry.ts";

export interface InitializeInput {
  readonly schema: string;
  readonly forceUpdate?: boolean;
  readonly dryRun?: boolean;
}

export interface InitializeResult {
  readonly created: readonly string[];
  readonly updated: readonly string[];
  readonly skipped: readonly string[];
  readonly total: number;
  readonly documentId: string;
  /** Present in a dry run only. */
  readonly plan?: readonly StatementPreview[];
  readonly warnings: readonly string[];
}

export interface MembershipInput {
  readonly schema: string;
  readonly username: string;
  /** The full name or a kind such as `reader`. */
  readonly role: string;
  readonly dryRun?: boolean;
}

export interface MembershipResult {
  readonly normalizedUsername: string;
  /** The role's full name. */
  readonly role: string;
  readonly changed: boolean;
  readonly plan?: readonly StatementPreview[];
  readonly warnings: readonly string[];
}

/** Creates the six standard roles of a schema; existing ones are skipped, or brought to their definition. */
export async function initializeRoles(
  _context: Context,
  _call: Call,
  _target: Target,
  _input: InitializeInput,
): Promise<InitializeResult> {
  throw new Error("to come");
}

/** What the registry knows of a target; undefined when nothing was ever recorded. */
export async function readRolesStatus(
  _context: Context,
  _call: Call,
  _target: Target,
): Promise<RegistryStatus | undefined> {
  throw new Error("to come");
}

export async function assignRole(
  _context: Context,
  _call: Call,
  _target: Target,
  _input: MembershipInput,
): Promise<MembershipResult> {
  throw new Error("to come");
}

export async function revokeRole(
  _context: Context,
  _call: Call,
  _target: Target,
  _input: MembershipInput,
): Promise<MembershipResult> {
  throw new Error("to come");
}

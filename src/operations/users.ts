import type { StatementPreview } from "../domain/plan.ts";
import type { Target } from "../domain/target.ts";
import type { Call, Context } from "./context.ts";

export interface InheritanceInput {
  readonly username: string;
  readonly standing?: boolean;
  readonly acknowledgeAdminLockout?: boolean;
  readonly dryRun?: boolean;
}

export interface InheritanceGrantResult {
  readonly normalizedUsername: string;
  readonly alreadyGranted: boolean;
  readonly mode: "on_demand" | "standing";
  readonly plan?: readonly StatementPreview[];
  readonly warnings: readonly string[];
}

export interface InheritanceRevokeResult {
  readonly normalizedUsername: string;
  readonly alreadyRevoked: boolean;
  readonly plan?: readonly StatementPreview[];
  readonly warnings: readonly string[];
}

export async function grantInheritance(
  _context: Context,
  _call: Call,
  _target: Target,
  _input: InheritanceInput,
): Promise<InheritanceGrantResult> {
  throw new Error("to come");
}

export async function revokeInheritance(
  _context: Context,
  _call: Call,
  _target: Target,
  _input: InheritanceInput,
): Promise<InheritanceRevokeResult> {
  throw new Error("to come");
}

export interface CleanupInput {
  readonly username: string;
  readonly schema?: string;
  readonly dryRun?: boolean;
}

export interface DatabaseCleanup {
  readonly database: string;
  readonly outcome: "done" | "nothing_to_do" | "failed" | "not_attempted" | "planned";
  readonly ownershipTransferred: number;
  readonly permissionsRevoked: number;
  readonly objectsDropped: number;
  readonly sqlstate?: string;
  readonly detail?: string;
}

export interface CleanupResult {
  readonly normalizedUsername: string;
  readonly ownershipTransferred: boolean;
  readonly permissionsRevoked: boolean;
  readonly objectsDropped: boolean;
  readonly databases: readonly DatabaseCleanup[];
  readonly plan?: readonly StatementPreview[];
  readonly warnings: readonly string[];
}

/** Frees a user of everything it owns and holds, in every database of the instance, one transaction each. */
export async function cleanupUser(
  _context: Context,
  _call: Call,
  _target: Target,
  _input: CleanupInput,
): Promise<CleanupResult> {
  throw new Error("to come");
}

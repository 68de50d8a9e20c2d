import type { Target } from "../domain/target.ts";
import { type ErrorKind, invalidField, ServiceError } from "../errors.ts";
import type { Call, Context } from "./context.ts";
import { assignRole, type MembershipInput, type MembershipResult, revokeRole } from "./memberships.ts";

export interface BulkInput {
  readonly memberships: readonly Omit<MembershipInput, "dryRun">[];
  readonly dryRun?: boolean;
}

export interface BulkResult {
  readonly input: Omit<MembershipInput, "dryRun">;
  readonly outcome: "changed" | "unchanged" | "failed";
  readonly done?: MembershipResult;
  readonly failure?: { readonly kind: ErrorKind; readonly message: string };
}

/** What concerns the instance and not one membership: the others would only meet it too. */
const endsAll: ReadonlySet<ErrorKind> = new Set(["unavailable", "timeout", "too_many_requests"]);

/** Assigns one after the other, each in a transaction of its own: one that fails does not undo the others. */
export function assignMany(
  context: Context,
  call: Call,
  target: Target,
  input: BulkInput,
): Promise<BulkResult[]> {
  return changeMany(context, call, target, input, assignRole);
}

/** The same for revoking. */
export function revokeMany(
  context: Context,
  call: Call,
  target: Target,
  input: BulkInput,
): Promise<BulkResult[]> {
  return changeMany(context, call, target, input, revokeRole);
}

async function changeMany(
  context: Context,
  call: Call,
  target: Target,
  { memberships, dryRun = false }: BulkInput,
  change: typeof assignRole,
): Promise<BulkResult[]> {
  const most = context.settings.maxUsersPerRequest ?? 100;
  if (memberships.length > most) {
    throw invalidField(
      "memberships",
      `has ${memberships.length} entries; MAX_USERS_PER_REQUEST allows ${most}`,
    );
  }
  const results: BulkResult[] = [];
  for (const input of memberships) {
    const result = await changeOne(input, () => change(context, call, target, { ...input, dryRun }));
    const { failure } = result;
    // Nothing was done yet, so there is nothing to report but this.
    if (failure !== undefined && results.length === 0 && endsAll.has(failure.kind)) throw result.error;
    results.push(result);
    if (failure !== undefined && endsAll.has(failure.kind)) {
      const rest = memberships.slice(results.length);
      return [...results, ...rest.map((each): BulkResult => ({ input: each, outcome: "failed", failure }))];
    }
  }
  return results;
}

async function changeOne(
  input: BulkResult["input"],
  change: () => Promise<MembershipResult>,
): Promise<BulkResult & { readonly error?: unknown }> {
  try {
    const done = await change();
    return { input, outcome: done.changed ? "changed" : "unchanged", done };
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    return { input, outcome: "failed", failure: { kind: error.kind, message: error.message }, error };
  }
}

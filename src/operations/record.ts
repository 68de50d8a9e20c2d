import { previewStatements, type Statement } from "../domain/plan.ts";
import type { Target } from "../domain/target.ts";
import { ServiceError } from "../errors.ts";
import type { Call, Context } from "./context.ts";
import type { RegistryChange } from "./registry.ts";

/** What a change was about. */
export interface Subject {
  /** For people, as an infinitive: "assign reader to alice@example.com". */
  readonly summary: string;
  readonly schema?: string;
  readonly username?: string;
  readonly roleName?: string;
}

/**
 * Records a change that the database has committed. When the registry fails now, the caller is told exactly that: the
 * database is changed, the registry does not say so yet, and repeating the call mends it.
 */
export async function recordChange(
  context: Context,
  call: Call,
  target: Target,
  subject: Subject & { readonly statements: readonly Statement[] },
  change?: RegistryChange,
): Promise<void> {
  const { statements, ...about } = subject;
  const { actor, requestId, operation: action } = call;
  const entry = { actor, requestId, action, outcome: "succeeded" as const, ...about };
  try {
    await context.registry.record(target, { ...entry, statements: previewStatements(statements) }, change);
  } catch (error) {
    throw new ServiceError(
      "unavailable",
      "The database was changed, but the registry could not record it. Repeat the call: it changes nothing twice and completes the registry.",
      { cause: error, retryAfterS: 5, details: { database: "committed", registry: "failed" } },
    );
  }
}

/** Runs a change; when it fails, leaves a record of the attempt as well as it can, and rethrows. */
export async function recordFailure<T>(
  context: Context,
  call: Call,
  target: Target,
  subject: Subject,
  change: () => Promise<T>,
): Promise<T> {
  try {
    return await change();
  } catch (error) {
    const details = error instanceof ServiceError ? error.details : {};
    if (error instanceof ServiceError && (error.kind === "not_found" || error.kind === "validation_error"))
      throw error;
    const { actor, requestId, operation: action } = call;
    const sqlstate = typeof details.sqlstate === "string" ? { sqlstate: details.sqlstate } : {};
    const summary = `${subject.summary}: ${error instanceof ServiceError ? error.message : "internal error"}`;
    const entry = {
      actor,
      requestId,
      action,
      outcome: "failed" as const,
      statements: [],
      ...subject,
      ...sqlstate,
    };
    await context.registry.record(target, { ...entry, summary }).catch((cause: unknown) => {
      call.log.warning("a failed change could not be recorded", { error: cause });
    });
    throw error;
  }
}

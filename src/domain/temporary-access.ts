import type { PolicyCaller } from "./policy.ts";
import type { Target } from "./target.ts";

export const accessStates = [
  "requested",
  "granting",
  "active",
  "ending",
  "expired",
  "revoked",
  "denied",
  "withdrawn",
  "lapsed",
] as const;
export type AccessState = (typeof accessStates)[number];

/** One principal's temporary access to one role. Times are epoch milliseconds. */
export interface StoredAccess {
  readonly id: string;
  readonly target: Target;
  readonly schema: string;
  readonly roleName: string;
  /** Of a standard role; null of others. */
  readonly roleKind: string | null;
  /** Who gets it, as PostgreSQL knows it. */
  readonly username: string;
  readonly requester: PolicyCaller;
  readonly reason: string;
  readonly durationMs: number;
  readonly state: AccessState;
  readonly createdAt: number;
  /** Who approved or denied it. */
  readonly decidedBy: string | null;
  readonly startsAt: number | null;
  readonly expiresAt: number | null;
  /** Who is at granting it: one attempt of one process, which is the only one that may give it back. */
  readonly granter: string | null;
  /** Whether the membership is this access's; false: it is a standing one, and stays; null: that is not decided yet. */
  readonly grants: boolean | null;
  readonly endedBy: string | null;
  readonly endedAt: number | null;
  readonly warnings: readonly string[];
}

/** Something of it may be in the database, or is about to be. */
export const heldStates: readonly AccessState[] = ["granting", "active", "ending"];

/** A grant that is not recorded as done after this is looked after by a sweep. */
export const grantingMs = 60_000;

/** A request that nobody decided on for so long lapses. */
export const requestMs = 7 * 24 * 3_600_000;

/** Whether its time is over; false of what has none yet. */
export function isOver({ expiresAt }: StoredAccess, atMs: number): boolean {
  return expiresAt !== null && expiresAt <= atMs;
}

/** Whether it is a request that has waited too long. */
export function isLapsed({ state, createdAt }: StoredAccess, atMs: number): boolean {
  return state === "requested" && createdAt + requestMs <= atMs;
}

/** When a sweep has to look at it; null: never. */
export function dueAt({ state, createdAt, startsAt, expiresAt }: StoredAccess): number | null {
  if (state === "requested") return createdAt + requestMs;
  if (state === "ending") return 0;
  if (state === "granting") return Math.min((startsAt ?? 0) + grantingMs, expiresAt ?? 0);
  return state === "active" ? expiresAt : null;
}

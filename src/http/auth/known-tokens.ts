import type { Caller } from "../caller.ts";

interface Entry {
  readonly caller: Caller;
  readonly untilMs: number;
}

/** Callers by the header that named them, once it was verified. */
export interface KnownTokens {
  find(header: string, nowMs: number): Caller | undefined;
  /** Remembers until `expiresAtMs`, or for `maxAgeMs`, whatever ends first. */
  add(header: string, caller: Caller, expiresAtMs: number, nowMs: number): void;
  readonly size: number;
}

export interface KnownTokensOptions {
  readonly maxEntries: number;
  /** After so long a token is verified again: its key may have been withdrawn. */
  readonly maxAgeMs: number;
}

/**
 * The header is the key as it stands, without a hash of it: every request holds it in memory anyway. As all entries
 * live for about the same time, those that were added first end first, and go first when there are too many.
 */
export function createKnownTokens({ maxEntries, maxAgeMs }: KnownTokensOptions): KnownTokens {
  const entries = new Map<string, Entry>();

  function dropEnded(nowMs: number): void {
    for (const [header, { untilMs }] of entries) {
      if (untilMs > nowMs && entries.size < maxEntries) break;
      entries.delete(header);
    }
  }

  return {
    find(header, nowMs) {
      const entry = entries.get(header);
      if (entry === undefined) return undefined;
      if (entry.untilMs > nowMs) return entry.caller;
      entries.delete(header);
      return undefined;
    },
    add(header, caller, expiresAtMs, nowMs) {
      entries.delete(header);
      dropEnded(nowMs);
      const untilMs = Math.min(expiresAtMs, nowMs + maxAgeMs);
      if (untilMs > nowMs) entries.set(header, { caller, untilMs });
    },
    get size() {
      return entries.size;
    },
  };
}

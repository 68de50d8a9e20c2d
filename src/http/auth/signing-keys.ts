import type { CompactVerifyGetKey, JSONWebKeySet } from "jose";
import { ServiceError } from "../../errors.ts";
import type { Log } from "../../log.ts";
import { refuseCaller } from "./refusal.ts";

/** The keys that tokens are signed with, as their issuer publishes them. */
export interface SigningKeys {
  /**
   * The keys, of which one has this id. Rejects with `authentication_error` when the issuer has no such key, and with
   * `unavailable` when that cannot be found out.
   */
  withKey(kid: string): Promise<CompactVerifyGetKey>;
}

export interface SigningKeysOptions {
  readonly url: string;
  readonly log: Log;
  /** As Date.now. */
  readonly now: () => number;
  readonly timings?: Partial<typeof usualTimings>;
}

export const usualTimings = {
  /** Until this age, keys are used without asking; after it they are used while they are fetched again. */
  freshMs: 10 * 60_000,
  /** After this age they are not used any more: a key server cannot be down for so long. */
  usableMs: 24 * 3600_000,
  /** Whoever sends unknown key ids makes the service ask at most so often. */
  unknownKeyPauseMs: 10_000,
  /** After a failure, nobody waits for the next attempt before this. */
  failurePauseMs: 1_000,
  timeoutMs: 3_000,
} as const;

const maxBytes = 256 * 1024;
const retryAfterS = 5;

interface KeySet {
  readonly ids: ReadonlySet<string>;
  readonly getKey: CompactVerifyGetKey;
  readonly fetchedAtMs: number;
}

/** Nothing is fetched before the first token; all who wait for keys wait for the same answer. */
export function createSigningKeys({ url, log, now, timings }: SigningKeysOptions): SigningKeys {
  const { freshMs, usableMs, unknownKeyPauseMs, failurePauseMs, timeoutMs } = { ...usualTimings, ...timings };
  let current: KeySet | undefined;
  let loading: Promise<KeySet> | undefined;
  let failedAtMs = Number.NEGATIVE_INFINITY;

  async function load(): Promise<KeySet> {
    try {
      const document = await fetchKeys(url, timeoutMs);
      const { createLocalJWKSet } = await import("jose");
      const ids = document.keys.flatMap(({ kid }) => (typeof kid === "string" && kid !== "" ? [kid] : []));
      if (ids.length === 0) throw new Error("it names no key");
      current = { ids: new Set(ids), getKey: createLocalJWKSet(document), fetchedAtMs: now() };
      failedAtMs = Number.NEGATIVE_INFINITY;
      return current;
    } catch (error) {
      failedAtMs = now();
      log.warning("The keys of the callers' tokens could not be fetched", { error, url });
      throw keysUnavailable(error);
    } finally {
      loading = undefined;
    }
  }

  function reload(): Promise<KeySet> {
    if (loading === undefined && now() - failedAtMs < failurePauseMs)
      return Promise.reject(keysUnavailable());
    loading ??= load();
    return loading;
  }

  return {
    async withKey(kid) {
      const age = current === undefined ? Number.POSITIVE_INFINITY : now() - current.fetchedAtMs;
      if (current === undefined || age >= usableMs) current = await reload();
      else if (!current.ids.has(kid) && age >= unknownKeyPauseMs) current = await reload();
      else if (age >= freshMs) reload().catch(() => {});
      if (current.ids.has(kid)) return current.getKey;
      throw refuseCaller("invalid_token", "no such key");
    },
  };
}

function keysUnavailable(cause?: unknown): ServiceError {
  return new ServiceError(
    "unavailable",
    "The keys that callers' tokens are verified with are not to be had",
    {
      cause,
      retryAfterS,
      details: { reason: "signing_keys" },
    },
  );
}

async function fetchKeys(url: string, timeoutMs: number): Promise<JSONWebKeySet> {
  const response = await fetch(url, {
    redirect: "error",
    headers: { Accept: "application/json" },
    signal: AbortSignal.timeout(timeoutMs),
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`the key server answered ${response.status}`);
  }
  const document: unknown = JSON.parse(await readText(response));
  if (!isKeySet(document)) throw new Error("the key server's answer is no key set");
  return document;
}

async function readText(response: Response): Promise<string> {
  let [text, bytes] = ["", 0];
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) throw new Error("the key server's answer is too large");
    text += decoder.decode(chunk, { stream: true });
  }
  return text;
}

function isKeySet(value: unknown): value is JSONWebKeySet {
  if (typeof value !== "object" || value === null || !("keys" in value)) return false;
  return Array.isArray(value.keys) && value.keys.every((key) => typeof key === "object" && key !== null);
}

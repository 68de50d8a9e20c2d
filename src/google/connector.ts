import { setTimeout as sleep } from "node:timers/promises";
import { connectionName, type Instance, instanceKey } from "../domain/target.ts";
import type { Log } from "../log.ts";
import type { InstanceAccess } from "../postgres/instance-access.ts";
import { stopping, withDeadline } from "./deadline.ts";
import { isPassing, lookupTimeout, readLookupError } from "./instance-errors.ts";
import { createInstanceLookup, type InstanceLookupOptions, type OpenSocket } from "./instance-lookup.ts";

export interface InstanceAccessOptions extends Omit<InstanceLookupOptions, "requestTimeoutMs"> {
  readonly log: Log;
  /** The least time between two look-ups of an instance that nothing but failed connections asked for. Doubles, up to 30 s, while they do not help. */
  readonly limitRateIntervalMs?: number;
  /** A look-up that takes longer is given up, and the next one starts afresh. */
  readonly lookupTimeoutMs?: number;
}

/** What a look-up brought: the address and the client certificate, inside `openSocket`. */
interface Material {
  readonly openSocket: OpenSocket;
  readonly fetchedAt: number;
  /** In milliseconds of the epoch. Assumed until the first socket shows the certificate. */
  expiresAt: number;
}

interface Known {
  readonly instance: Instance;
  material: Material | undefined;
  /** Connecting with the material failed in a way that a look-up might mend. */
  suspect: boolean;
  /** The look-up that runs, shared by all who wait for it. */
  lookup: Promise<Material> | undefined;
  /** On the monotonic clock. */
  nextLookupAt: number;
  fruitlessLookups: number;
}

const certificateLifetimeMs = 3_600_000;
const longestIntervalMs = 30_000;

/**
 * Reaches instances through the Cloud SQL connector. Instances share nothing but an access token, so that one that
 * cannot be looked up does not hinder another, and connections that exist depend on nothing here.
 *
 * A certificate is renewed in the background when half of its life is over and a connection is wanted. While the
 * Admin API fails in passing, what is known is used as long as its certificate is valid.
 */
export function createInstanceAccess(
  options: InstanceAccessOptions,
): InstanceAccess & { close(): Promise<void> } {
  const { log, limitRateIntervalMs = 1_000, lookupTimeoutMs = 10_000 } = options;
  const lookUpInstance = createInstanceLookup({ ...options, requestTimeoutMs: lookupTimeoutMs });
  const instances = new Map<string, Known>();
  const closing = new AbortController();

  function knownOf(instance: Instance): Known {
    const key = instanceKey(instance);
    const present = instances.get(key);
    if (present !== undefined) return present;
    const fresh: Known = {
      instance,
      material: undefined,
      suspect: false,
      lookup: undefined,
      nextLookupAt: 0,
      fruitlessLookups: 0,
    };
    instances.set(key, fresh);
    return fresh;
  }

  /** Joins the look-up that runs, or starts one, no earlier than the rate limit allows. */
  function lookUp(known: Known): Promise<Material> {
    if (known.lookup !== undefined) return known.lookup;
    const lookup = runLookup(known).finally(() => {
      known.lookup = undefined;
    });
    known.lookup = lookup;
    // Those who wait have their own branch of it; when nobody does, nobody has to handle it.
    lookup.catch(() => {});
    return lookup;
  }

  async function runLookup(known: Known): Promise<Material> {
    const { instance } = known;
    const waitMs = known.nextLookupAt - performance.now();
    if (waitMs > 0 && usableMaterial(known) !== undefined) await sleep(waitMs, undefined, closing);
    const intervalMs = Math.min(limitRateIntervalMs * 2 ** known.fruitlessLookups, longestIntervalMs);
    known.nextLookupAt = performance.now() + intervalMs;
    known.fruitlessLookups += 1;
    try {
      const openSocket = await withDeadline(lookUpInstance(instance), {
        timeoutMs: lookupTimeoutMs,
        expired: () => lookupTimeout(instance),
        signal: closing.signal,
      });
      const fetchedAt = Date.now();
      known.material = { openSocket, fetchedAt, expiresAt: fetchedAt + certificateLifetimeMs };
      known.suspect = false;
      return known.material;
    } catch (cause) {
      throw failLookup(known, cause);
    }
  }

  function failLookup(known: Known, cause: unknown) {
    const error = readLookupError(cause, known.instance);
    if (closing.signal.aborted) return error;
    if (!isPassing(error)) known.material = undefined;
    if (known.material === undefined) instances.delete(instanceKey(known.instance));
    log.warning("looking up an instance failed", {
      instance: connectionName(known.instance),
      reason: error.message,
      cause,
    });
    return error;
  }

  /** The factory for pg. It takes the newest material, whenever it is called. */
  function streamFactory(known: Known, fallback: Material): OpenSocket {
    return () => {
      const material = known.material ?? fallback;
      const socket = material.openSocket();
      material.expiresAt = socket.getX509Certificate()?.validToDate.getTime() ?? material.expiresAt;
      socket.once("secureConnect", () => {
        if (known.material !== material) return;
        known.suspect = false;
        known.fruitlessLookups = 0;
      });
      return socket;
    };
  }

  async function waitForLookup(known: Known, timeoutMs: number): Promise<Material> {
    return withDeadline(lookUp(known), {
      timeoutMs,
      expired: () => lookupTimeout(known.instance),
      signal: closing.signal,
    });
  }

  /** Prefers a new look-up, and makes do with what is known when that takes too long or fails in passing. */
  async function replaceSuspect(known: Known, material: Material, timeoutMs: number): Promise<Material> {
    const rateLimited =
      known.lookup === undefined && known.nextLookupAt - performance.now() > limitRateIntervalMs;
    if (rateLimited) return material;
    try {
      return await waitForLookup(known, timeoutMs / 2);
    } catch (cause) {
      const error = readLookupError(cause, known.instance);
      if (closing.signal.aborted || !isPassing(error)) throw error;
      return material;
    }
  }

  async function readMaterial(known: Known, timeoutMs: number): Promise<Material> {
    const material = usableMaterial(known);
    if (material === undefined) return waitForLookup(known, timeoutMs);
    if (known.suspect) return replaceSuspect(known, material, timeoutMs);
    if (isDueForRenewal(material) && performance.now() >= known.nextLookupAt) void lookUp(known);
    return material;
  }

  return {
    async openStream(instance, { timeoutMs }) {
      if (closing.signal.aborted) throw stopping();
      const known = knownOf(instance);
      return streamFactory(known, await readMaterial(known, timeoutMs));
    },
    refresh(instance) {
      const known = instances.get(instanceKey(instance));
      if (known !== undefined) known.suspect = true;
    },
    async close() {
      closing.abort(stopping());
      instances.clear();
    },
  };
}

function usableMaterial({ material }: Known): Material | undefined {
  if (material === undefined) return undefined;
  const marginMs = Math.min(5_000, (material.expiresAt - material.fetchedAt) / 10);
  return Date.now() < material.expiresAt - marginMs ? material : undefined;
}

function isDueForRenewal({ fetchedAt, expiresAt }: Material): boolean {
  return Date.now() >= fetchedAt + (expiresAt - fetchedAt) / 2;
}

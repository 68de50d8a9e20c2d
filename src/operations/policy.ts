import { emptyPolicy, type Policy } from "../domain/policy.ts";
import { PolicyError, parsePolicy } from "../domain/policy-parser.ts";
import type { Log } from "../log.ts";
import { parsePolicyText } from "./policy-text.ts";

/** What a source holds now: unchanged since the version that was read last, nothing, or a document of some version. */
export type PolicyReading =
  | "unchanged"
  | "absent"
  | { readonly version: string; readonly content: () => Promise<PolicyContent> };

/** YAML or JSON as text, or the fields that it stands for. */
export type PolicyContent = { readonly text: string } | { readonly fields: unknown };

/** Where the policy is kept. */
export interface PolicySource {
  /** For people: `the file /etc/policy.yaml`. */
  readonly name: string;
  /** Rejects when it cannot be read now. */
  read(knownVersion: string | undefined): Promise<PolicyReading>;
}

export interface LivePolicyOptions {
  readonly source: PolicySource;
  /** How old what was read may be when it is used. */
  readonly ttlMs: number;
  readonly log: Log;
  /** Milliseconds on a clock that never goes back. */
  readonly now?: () => number;
}

/** The policy as it is now; it changes when its source does. */
export interface LivePolicy {
  /** Whether what was read last is recent enough to be used as it is. */
  isFresh(): boolean;
  /** Makes it recent. Never rejects: what cannot be read leaves the last good one in force. */
  refresh(): Promise<void>;
  /** The one in force; undefined while none could ever be read, so that nothing can be decided. */
  current(): Policy | undefined;
  /** What is wrong with it now, for people. */
  warnings(): readonly string[];
}

/**
 * Keeps a policy up to date: it is read again before it is used when that was longer ago than `ttlMs`. A new version
 * that is broken, or that cannot be read, leaves the last good one in force, with an error in the log and a warning.
 */
export function createLivePolicy({
  source,
  ttlMs,
  log,
  now = performance.now.bind(performance),
}: LivePolicyOptions): LivePolicy {
  let policy: Policy | undefined;
  let version: string | undefined;
  let readAt = Number.NEGATIVE_INFINITY;
  /** What is wrong with the version that was read last, and with reading itself. */
  let fault: string | undefined;
  let outage: string | undefined;
  let reading: Promise<void> | undefined;

  async function read(): Promise<void> {
    try {
      take(await load());
      outage = undefined;
    } catch (error) {
      const consequence =
        policy === undefined ? "nothing can be decided" : "the last good one stays in force";
      if (error instanceof PolicyError) {
        fault = `The policy in ${source.name} is wrong: ${consequence}`;
        log.error(fault, { faults: error.faults });
      } else {
        const told = outage !== undefined;
        outage = `The policy could not be read from ${source.name}: ${consequence}`;
        if (!told) log.error(outage, { error });
      }
    } finally {
      readAt = now();
      reading = undefined;
    }
  }

  async function load(): Promise<Policy | "unchanged" | "absent"> {
    const found = await source.read(version);
    if (found === "unchanged" || found === "absent") return found;
    const content = await found.content();
    // Before it is parsed: the same broken version is not parsed, and complained of, again and again.
    version = found.version;
    return parsePolicy("text" in content ? await parsePolicyText(content.text) : content.fields);
  }

  function take(found: Policy | "unchanged" | "absent"): void {
    if (found === "unchanged") return;
    if (found === "absent") {
      version = undefined;
      if (policy === emptyPolicy) return;
      policy = emptyPolicy;
      fault = `There is no policy in ${source.name}: nobody may do anything`;
      log.warning(fault);
      return;
    }
    const changed = policy !== undefined;
    policy = found;
    fault = undefined;
    log.info(changed ? "The policy has changed" : "The policy is in force", {
      policy_source: source.name,
      bindings: found.bindings.length,
    });
  }

  return {
    isFresh: () => now() - readAt < ttlMs && policy !== undefined,
    refresh() {
      reading ??= read();
      // While the source is down nobody waits for it again and again: the last good one is used meanwhile.
      return outage !== undefined && policy !== undefined ? Promise.resolve() : reading;
    },
    current: () => policy,
    warnings: () => [fault, outage].filter((one) => one !== undefined),
  };
}

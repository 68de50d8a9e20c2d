import type { IncomingHttpHeaders } from "node:http";

export type CallerKind = "user" | "service_account" | "anonymous";

/** Who calls. */
export interface Caller {
  /** What logs and histories call it: the verified e-mail address in lower case, or `anonymous`. */
  readonly name: string;
  readonly kind: CallerKind;
}

export interface CallerEvidence {
  readonly headers: IncomingHttpHeaders;
  readonly remoteAddress: string | undefined;
}

/**
 * Finds out who calls, before anything of the request but its headers is read. It may reject with a ServiceError:
 * `authentication_error` when the evidence does not hold, `unavailable` when that cannot be said now.
 */
export type IdentifyCaller = (evidence: CallerEvidence) => Promise<Caller>;

const anonymous: Caller = Object.freeze({ name: "anonymous", kind: "anonymous" });

/** Everybody is anonymous: a token that nobody verified proves nothing, so none is looked at. */
export const identifyNobody: IdentifyCaller = async () => anonymous;

import type { IncomingHttpHeaders } from "node:http";

/** Who calls, as far as it has been verified. */
export interface Caller {
  /** A verified identity such as an e-mail address, or `anonymous`. */
  readonly name: string;
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

const anonymous: Caller = Object.freeze({ name: "anonymous" });

/** Everybody is anonymous: a token that nobody verified proves nothing, so none is looked at. */
export const identifyNobody: IdentifyCaller = async () => anonymous;

import type { IncomingMessage } from "node:http";
import { ServiceError } from "../errors.ts";

export type CallerKind = "user" | "service_account" | "anonymous";

/** Who calls. */
export interface Caller {
  /** What logs and histories call it: the verified e-mail address in lower case, or `anonymous`. */
  readonly name: string;
  readonly kind: CallerKind;
  /** The Workspace or Cloud Identity domain that the account belongs to, where its token says so (`hd`). */
  readonly domain?: string;
}

/** What says who calls; a request is such. */
export type CallerEvidence = Pick<IncomingMessage, "headers" | "rawHeaders">;

/**
 * Finds out who calls, before anything of the request but its headers is read. It answers at once when it knows the
 * evidence already, which is the usual case. It may throw, or reject with, a ServiceError: `authentication_error` when
 * the evidence does not hold, `unavailable` when that cannot be said now.
 */
export type IdentifyCaller = (evidence: CallerEvidence) => Caller | Promise<Caller>;

/** Who calls an operation that is open to everybody, or a service that asks nobody. */
export const anonymous: Caller = Object.freeze({ name: "anonymous", kind: "anonymous" });

const loopbackHost = /^(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(:\d{1,5})?$/i;

/**
 * Everybody is anonymous: a token that nobody verified proves nothing, so none is looked at. What a browser sends for
 * a page of another name is refused, though that name leads to this machine (DNS rebinding).
 */
export const identifyNobody: IdentifyCaller = ({ headers: { host } }) => {
  if (host === undefined || loopbackHost.test(host)) return anonymous;
  throw new ServiceError(
    "authentication_error",
    "Without authentication the service answers to the names of this machine only, such as localhost",
    { details: { reason: "foreign_host" } },
  );
};

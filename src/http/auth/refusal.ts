import { ServiceError } from "../../errors.ts";

/** Why a caller is not known. Who sent the token may read it; it repeats nothing of the token or of the settings. */
const reasons = {
  missing_token: "This service needs to know who calls: send an ID token in the header Authorization: Bearer",
  missing_assertion: "This service is to be called through Identity-Aware Proxy, and this request was not",
  ambiguous_token: "The request has more than one token, so that it is not clear who calls",
  token_too_large: "The token is longer than any that is known here",
  token_expired: "The token has expired: get another one",
  token_not_yet_valid: "The token is not valid yet: compare the clocks",
  wrong_audience: "The token was made for another audience than this service",
  unverified_email:
    "The token does not hold a verified e-mail address: of a service account, ask for one that includes it",
  signature_removed:
    "Cloud Run took the signature away: send the token to this service in Authorization, and the one to Cloud Run in X-Serverless-Authorization",
  invalid_token: "The token is not one that this service can trust",
} as const;

export type RefusalReason = keyof typeof reasons;

/** `fault` says more to the log: never anything of the token. */
export function refuseCaller(reason: RefusalReason, fault?: string): ServiceError {
  return new ServiceError("authentication_error", reasons[reason], {
    details: { reason },
    ...(fault === undefined ? {} : { cause: new RefusedToken(fault) }),
  });
}

/** For the log: what exactly was wrong. */
class RefusedToken extends Error {
  override readonly name = "RefusedToken";
  readonly code = "ERR_TOKEN";
}

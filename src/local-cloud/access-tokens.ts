import { randomBytes } from "node:crypto";

/** Opaque access tokens of the local cloud: issued by its metadata server, known to its APIs. */
export interface AccessTokens {
  /** A token for a principal (an e-mail address), good for `lifetimeMs` (an hour unless told). */
  issue(email: string, lifetimeMs?: number): AccessToken;
  /** Whose token this is; undefined when it was never issued here or has expired. */
  readEmail(token: string): string | undefined;
}

export interface AccessToken {
  readonly token: string;
  readonly expiresAt: Date;
}

export function createAccessTokens(): AccessTokens {
  const issued = new Map<string, { email: string; expiresAtMs: number }>();
  return {
    issue(email, lifetimeMs = 3600_000) {
      const now = Date.now();
      for (const [token, { expiresAtMs }] of issued) if (expiresAtMs <= now) issued.delete(token);
      const token = `ya29.local-${randomBytes(24).toString("base64url")}`;
      issued.set(token, { email, expiresAtMs: now + lifetimeMs });
      return { token, expiresAt: new Date(now + lifetimeMs) };
    },
    readEmail(token) {
      const known = issued.get(token);
      return known !== undefined && known.expiresAtMs > Date.now() ? known.email : undefined;
    },
  };
}

/**
 * The PostgreSQL login of an IAM principal: the e-mail address in lower case, without `.gserviceaccount.com`
 * (https://docs.cloud.google.com/sql/docs/postgres/add-manage-iam-users).
 */
export function iamDatabaseLogin(email: string): string {
  return email.toLowerCase().replace(/\.gserviceaccount\.com$/, "");
}

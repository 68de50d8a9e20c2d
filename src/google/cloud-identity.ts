import type { GoogleAuth } from "google-auth-library";
import { ServiceError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Groups } from "../operations/groups.ts";
import { readCode, withDeadline } from "./deadline.ts";

export interface CloudIdentityOptions {
  /** Another than Google's, for tests. */
  readonly endpoint?: string | undefined;
  readonly log: Log;
  /** How long an answer is believed. */
  readonly ttlMs?: number;
  /** For one question, with all its calls. */
  readonly timeoutMs?: number;
  readonly auth?: Pick<GoogleAuth, "request">;
  readonly now?: () => number;
}

const scope = "https://www.googleapis.com/auth/cloud-identity.groups.readonly";
const maxRemembered = 10_000;

interface Answer {
  readonly member: Promise<boolean>;
  readonly until: number;
}

/**
 * Groups of Cloud Identity and Google Workspace. The service's account needs the role Group Reader, and transitive
 * memberships need an edition that has them
 * (https://cloud.google.com/identity/docs/reference/rest/v1/groups.memberships/checkTransitiveMembership).
 * A group that does not exist, or that the service may not see, has no members.
 */
export function createCloudIdentityGroups(options: CloudIdentityOptions): Groups {
  const {
    endpoint = "https://cloudidentity.googleapis.com",
    log,
    ttlMs = 60_000,
    timeoutMs = 3_000,
  } = options;
  const now = options.now ?? performance.now.bind(performance);
  const answers = new Map<string, Answer>();
  const names = new Map<string, string>();
  let auth = options.auth;

  async function ask<T>(path: string, signal: AbortSignal): Promise<T> {
    const { GoogleAuth } = await import("google-auth-library");
    auth ??= new GoogleAuth({ scopes: [scope] });
    const { data } = await auth.request<T>({
      url: `${endpoint}/v1/${path}`,
      signal,
      retry: false,
      timeout: timeoutMs,
    });
    return data;
  }

  async function lookUp(group: string, signal: AbortSignal): Promise<string> {
    const known = names.get(group);
    if (known !== undefined) return known;
    const { name } = await ask<{ name?: unknown }>(
      `groups:lookup?groupKey.id=${encodeURIComponent(group)}`,
      signal,
    );
    if (typeof name !== "string" || !/^groups\/[0-9A-Za-z_-]{1,100}$/.test(name)) {
      throw new Error("Cloud Identity answered a group without a name");
    }
    if (names.size < maxRemembered) names.set(group, name);
    return name;
  }

  async function check(group: string, account: string, signal: AbortSignal): Promise<boolean> {
    try {
      const name = await lookUp(group, signal);
      const query = encodeURIComponent(`member_key_id == '${account.replace(/[\\']/g, "\\$&")}'`);
      const path = `${name}/memberships:checkTransitiveMembership?query=${query}`;
      return (await ask<{ hasMembership?: unknown }>(path, signal)).hasMembership === true;
    } catch (error) {
      const status = statusOf(error);
      if (status === 404) names.delete(group);
      // Google answers 403 for groups that do not exist, too.
      if (status !== 404 && status !== 403) throw error;
      log.warning("Cloud Identity does not show a group of the policy; nobody is taken to be in it", {
        group,
        status,
      });
      return false;
    }
  }

  async function answer(group: string, account: string): Promise<boolean> {
    const controller = new AbortController();
    try {
      return await withDeadline(check(group, account, controller.signal), {
        timeoutMs,
        expired: () => new Error(`Cloud Identity did not answer within ${timeoutMs} ms`),
      });
    } catch (cause) {
      log.warning("Cloud Identity could not be asked", { code: readCode(cause), status: statusOf(cause) });
      throw new ServiceError(
        "unavailable",
        "It could not be found out what groups the caller is in, and the policy depends on that",
        { cause, retryAfterS: 5, details: { source: "cloudidentity.googleapis.com" } },
      );
    } finally {
      controller.abort();
    }
  }

  return {
    isMember(group, account) {
      const key = `${group} ${account}`;
      const known = answers.get(key);
      if (known !== undefined && known.until > now()) return known.member;
      const member = answer(group, account);
      answers.delete(key);
      if (answers.size >= maxRemembered) answers.delete(answers.keys().next().value ?? "");
      answers.set(key, { member, until: now() + ttlMs });
      member.catch(() => {
        if (answers.get(key)?.member === member) answers.delete(key);
      });
      return member;
    },
  };
}

function statusOf(error: unknown): number | undefined {
  const status = (error as { status?: unknown; response?: { status?: unknown } } | undefined) ?? {};
  const found = status.response?.status ?? status.status;
  return typeof found === "number" ? found : undefined;
}

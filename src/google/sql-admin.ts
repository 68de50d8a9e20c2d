import { setTimeout as sleep } from "node:timers/promises";
import { type AccountType, accountTypes, cloudUserTypes } from "../domain/account.ts";
import { type Instance, instanceKey } from "../domain/target.ts";
import { ServiceError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { CloudOperation, CloudUse, CloudUser, CloudUsers } from "../operations/cloud-users.ts";
import { stopping } from "./deadline.ts";
import { isInProgress, isPassingFailure, readAdminError, readAdminFailure } from "./sql-admin-errors.ts";

/** The part of google-auth-library that is used. */
export type AuthLibrary = Pick<typeof import("google-auth-library"), "GoogleAuth">;

export interface SqlAdminOptions {
  /** The root of the Cloud SQL Admin API; without it, Google's. */
  readonly endpoint?: string | undefined;
  /** For one request; a call may make several. */
  readonly requestTimeoutMs?: number;
  /** How long failures that may pass are retried. */
  readonly retryForMs?: number;
  readonly log: Log;
  readonly loadAuth?: (() => Promise<AuthLibrary>) | undefined;
}

export interface SqlAdminUsers extends CloudUsers {
  close(): void;
}

const googleEndpoint = "https://sqladmin.googleapis.com";
const scope = "https://www.googleapis.com/auth/sqlservice.admin";
const longestPauseMs = 5_000;

interface AdminCall {
  readonly instance: Instance;
  /** The method of the API, such as `users.insert`; for errors and the log. */
  readonly action: string;
  readonly method: "GET" | "POST" | "DELETE";
  /** After `projects/P/`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly data?: object;
}

/** The users of instances through the Cloud SQL Admin API v1beta4. Nothing is loaded or contacted before the first call. */
export function createSqlAdminUsers(options: SqlAdminOptions): SqlAdminUsers {
  const { endpoint = googleEndpoint, requestTimeoutMs = 10_000, retryForMs = 15_000, log } = options;
  const { loadAuth = () => import("google-auth-library") } = options;
  const closing = new AbortController();
  const turns = new Map<string, Promise<unknown>>();
  let auth: InstanceType<AuthLibrary["GoogleAuth"]> | undefined;

  async function requestOnce(call: AdminCall, signal: AbortSignal): Promise<unknown> {
    const { GoogleAuth } = await loadAuth();
    auth ??= new GoogleAuth({
      scopes: [scope],
      clientOptions: { transporterOptions: { timeout: requestTimeoutMs } },
    });
    const used = auth;
    const url = new URL(
      `${endpoint}/sql/v1beta4/projects/${encodeURIComponent(call.instance.project)}/${call.path}`,
    );
    for (const [name, value] of Object.entries(call.query ?? {})) url.searchParams.set(name, value);
    try {
      const { data } = await used.request<unknown>({
        url: url.href,
        method: call.method,
        responseType: "json",
        signal: AbortSignal.any([signal, AbortSignal.timeout(requestTimeoutMs)]),
        retry: false,
        ...(call.data === undefined ? {} : { data: call.data }),
      });
      return data;
    } catch (error) {
      // It may be the credentials that are stuck: they remember that there was no metadata server.
      if (readAdminFailure(error).status === undefined && auth === used) auth = undefined;
      throw error;
    }
  }

  /** Failures that may pass are retried for a while, and another operation of the instance is waited for. */
  async function request(call: AdminCall, use: CloudUse): Promise<unknown> {
    if (closing.signal.aborted) throw stopping();
    const signal = AbortSignal.any([use.signal, closing.signal]);
    const giveUpAt = performance.now() + retryForMs;
    for (let attempt = 1; ; attempt += 1) {
      try {
        signal.throwIfAborted();
        return await requestOnce(call, signal);
      } catch (error) {
        if (closing.signal.aborted) throw stopping();
        signal.throwIfAborted();
        const failure = readAdminFailure(error);
        const pauseMs = Math.min(longestPauseMs, 100 * 2 ** attempt) * (0.5 + Math.random() / 2);
        const inTime = performance.now() + pauseMs < giveUpAt;
        if (!isInProgress(failure) && !(isPassingFailure(failure) && inTime)) {
          throw readAdminError(error, call.instance, call.action);
        }
        log.debug("a call of the Cloud SQL Admin API is tried again", {
          action: call.action,
          attempt,
          ...failure,
        });
        await sleep(pauseMs, undefined, { signal }).catch(() => {});
      }
    }
  }

  /** One mutation of an instance after the other, within this process; others' are met with a 409 and waited for. */
  function inTurn<T>(instance: Instance, use: CloudUse, work: () => Promise<T>): Promise<T> {
    const key = instanceKey(instance);
    const turn = (turns.get(key) ?? Promise.resolve()).then(() => {
      use.signal.throwIfAborted();
      return work();
    });
    const settled = turn.catch(() => {});
    turns.set(key, settled);
    void settled.then(() => {
      if (turns.get(key) === settled) turns.delete(key);
    });
    return turn;
  }

  const ofInstance = ({ instance }: Instance, rest: string): string =>
    `instances/${encodeURIComponent(instance)}/${rest}`;

  return {
    async list(instance, use) {
      const call = {
        instance,
        action: "users.list",
        method: "GET",
        path: ofInstance(instance, "users"),
      } as const;
      return parseUsers(await request(call, use));
    },
    insert(instance, { name, type }, use) {
      const path = ofInstance(instance, "users");
      const data = { name, type: cloudUserTypes[type] };
      const call = { instance, action: "users.insert", method: "POST", path, data } as const;
      return inTurn(instance, use, async () => parseOperation(await request(call, use)));
    },
    delete(instance, name, use) {
      const path = ofInstance(instance, "users");
      const call = { instance, action: "users.delete", method: "DELETE", path, query: { name } } as const;
      return inTurn(instance, use, async () => {
        try {
          return parseOperation(await request(call, use));
        } catch (error) {
          if (isMissingUser(error)) return undefined;
          throw error;
        }
      });
    },
    async readOperation(instance, name, use) {
      const path = `operations/${encodeURIComponent(name)}`;
      return parseOperation(await request({ instance, action: "operations.get", method: "GET", path }, use));
    },
    close() {
      closing.abort(stopping());
    },
  };
}

function isMissingUser(error: unknown): boolean {
  return error instanceof ServiceError && error.kind === "not_found" && error.details.resource === "user";
}

/** undefined for a type that this service does not know; a user without a type is a built-in one. */
function parseType(type: unknown): AccountType | undefined {
  return type === undefined ? "built_in" : accountTypes.find((own) => cloudUserTypes[own] === type);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function parseUsers(body: unknown): CloudUser[] {
  const items = isObject(body) && Array.isArray(body.items) ? body.items : [];
  return items.filter(isObject).flatMap(({ name, type }) => {
    return typeof name === "string" ? [{ name, type: parseType(type) }] : [];
  });
}

function parseOperation(body: unknown): CloudOperation {
  if (!isObject(body) || typeof body.name !== "string") {
    throw new TypeError("the Cloud SQL Admin API answered something else than an operation");
  }
  const { name, status, error } = body;
  const errors = isObject(error) && Array.isArray(error.errors) ? error.errors : [];
  const first = errors.find(isObject);
  return {
    name,
    done: status === "DONE",
    ...(first === undefined ? {} : { failure: typeof first.code === "string" ? first.code : "UNKNOWN" }),
  };
}

import assert from "node:assert/strict";
import { Agent, request } from "node:http";
import type { LocalCloud } from "../../src/local-cloud/cloud.ts";
import { assertContract, contractOperation } from "./contract.ts";
import { prepareServiceBundle } from "./service-bundle.ts";
import { type ServiceProcess, startServiceProcess } from "./service-process.ts";
import { until } from "./until.ts";

export type Fields = Readonly<Record<string, unknown>>;

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly elapsedMs: number;
}

/** The service as a process of its own, on a local cloud. */
export interface CloudService {
  readonly process: ServiceProcess;
  readonly url: string;
  /** Calls an operation of the contract, and holds the answer against the contract. */
  call(operationId: string, fields?: Fields, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  /** The same, and fails unless it succeeds. */
  succeed(operationId: string, fields?: Fields, headers?: Readonly<Record<string, string>>): Promise<Fields>;
  /** Waits until it has loaded what it loads on first use: a busy machine may need more time for that than a call has. */
  warmUp(): Promise<void>;
  /** SIGTERM; fails unless it ends in order, with no error in its log and no secret in anything it said. */
  end(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface CloudServiceOptions {
  readonly settings?: Readonly<Record<string, string>>;
  /** Whose token each call has; without one the service asks nobody (AUTH_MODE=none). */
  readonly caller?: string;
  /** Connections to the service. */
  readonly connections?: number;
  /** Longer than this, and a call has hung. */
  readonly callTimeoutMs?: number;
}

export const ordersTarget = {
  project_id: "demo-project",
  region: "europe-west1",
  instance_name: "orders-db",
  database_name: "orders",
};

export const analyticsTarget = {
  project_id: "demo-project",
  region: "us-central1",
  instance_name: "analytics-db",
  database_name: "analytics",
};

/** Everything that must never be said: what the cloud knows now, so call it before and after a password changes. */
export function readSecrets(cloud: LocalCloud): string[] {
  return cloud.instances.flatMap(({ server, userPasswords }) => [
    server.adminPassword,
    server.superuserPassword,
    ...Object.values(userPasswords),
  ]);
}

/** Starts the service as it is deployed, bundled, on a local cloud. */
export async function startCloudService(
  cloud: LocalCloud,
  options: CloudServiceOptions = {},
): Promise<CloudService> {
  const { settings = {}, caller, connections = 20, callTimeoutMs = 120_000 } = options;
  const secrets = new Set(readSecrets(cloud));
  const answers: string[] = [];
  const start = await prepareServiceBundle();
  const process = startServiceProcess(
    {
      ...cloud.settings,
      ...(caller === undefined
        ? { AUTH_MODE: "none" }
        : { AUTH_MODE: "id-token", POLICY_FILE: cloud.policyFile }),
      API_HOST: "127.0.0.1",
      PORT: "0",
      LOG_LEVEL: "DEBUG",
      // A busy machine takes long for what is quick elsewhere, and that is no fault.
      SHUTDOWN_TIMEOUT: "60",
      OPERATION_WAIT: "90",
      ...settings,
    },
    { start },
  );
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const url = `http://127.0.0.1:${await process.port()}`;

  const ownHeaders: Readonly<Record<string, string>> =
    caller === undefined ? {} : { Authorization: `Bearer ${cloud.issueIdToken(caller)}` };

  async function call(operationId: string, fields: Fields = {}, headers = {}): Promise<Answer> {
    const { method, path } = contractOperation(operationId);
    const isGet = method === "get";
    const inPath = Object.entries(fields).filter(([name]) => path.includes(`{${name}}`));
    const inQuery = Object.entries(fields).filter(([name]) => !path.includes(`{${name}}`));
    const place = inPath.reduce(
      (found, [name, value]) => found.replace(`{${name}}`, encodeURIComponent(String(value))),
      path,
    );
    const query = isGet ? `?${new URLSearchParams(inQuery as [string, string][])}` : "";
    const body = isGet ? undefined : JSON.stringify(fields);
    for (const secret of readSecrets(cloud)) secrets.add(secret);
    const sent = await send(url + place + query, {
      ...{ method, body, agent, callTimeoutMs },
      headers: { ...ownHeaders, ...headers },
    });
    const answer = { ...sent, body: JSON.parse(sent.text) as Fields };
    answers.push(answer.text);
    assertContract(operationId, answer);
    return answer;
  }

  async function dispose(): Promise<void> {
    agent.destroy();
    await process[Symbol.asyncDispose]();
  }

  return {
    process,
    url,
    call,
    async succeed(operationId, fields, headers) {
      const answer = await call(operationId, fields, headers);
      assert.equal(answer.status, 200, answer.text);
      assert.equal(answer.body.success, true);
      return answer.body;
    },
    async warmUp() {
      await until(async () => (await call("getRolesStatus", ordersTarget)).status === 200, {
        deadlineMs: 90_000,
      });
    },
    async end() {
      process.child.kill("SIGTERM");
      assert.equal(await process.exited, 0, process.stdout().slice(-2000));
      for (const secret of readSecrets(cloud)) secrets.add(secret);
      const said = [process.stdout(), process.stderr(), ...answers].join("\n");
      for (const secret of secrets) assert.ok(!said.includes(secret), "a password was said");
      assert.doesNotMatch(said, /SCRAM-SHA-256\$|ya29\.|\beyJ[\w-]+\.eyJ|BEGIN [A-Z ]*PRIVATE KEY/);
      for (const answer of answers) assert.doesNotMatch(answer, /\bat .{0,200}\.[jt]s:\d+/);
      assert.deepEqual(
        process.log().filter(({ severity }) => severity === "ERROR" || severity === "CRITICAL"),
        [],
      );
      assert.equal(process.stderr(), "");
      agent.destroy();
    },
    [Symbol.asyncDispose]: dispose,
  };
}

interface Sending {
  readonly method: string;
  readonly body: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly agent: Agent;
  readonly callTimeoutMs: number;
}

/** With node:http, since fetch does not send a Host of one's own. */
function send(url: string, { method, body, headers, agent, callTimeoutMs }: Sending) {
  const startedAt = performance.now();
  const { promise, resolve, reject } = Promise.withResolvers<Omit<Answer, "body">>();
  const outgoing = request(url, {
    method: method.toUpperCase(),
    headers: { ...(body === undefined ? {} : { "Content-Type": "application/json" }), ...headers },
    agent,
    signal: AbortSignal.timeout(callTimeoutMs),
  });
  outgoing.on("error", reject);
  outgoing.on("response", (incoming) => {
    let text = "";
    incoming.setEncoding("utf8");
    incoming.on("data", (chunk: string) => {
      text += chunk;
    });
    incoming.on("error", reject);
    incoming.on("end", () =>
      resolve({
        status: incoming.statusCode ?? 0,
        headers: incoming.headers,
        text,
        elapsedMs: performance.now() - startedAt,
      }),
    );
  });
  outgoing.end(body);
  return promise;
}

import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text as readText } from "node:stream/consumers";
import { after, afterEach, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { assertContract, type ContractOperation, contractOperations } from "../support/contract.ts";
import { type ServiceProcess, startServiceProcess } from "../support/service-process.ts";

// The real service, with nothing behind it: every address that it connects to or looks up is recorded, and what is
// refused must leave that record empty.
const directory = mkdtempSync(join(tmpdir(), "hostile-"));
const record = join(directory, "network.jsonl");
const recorder = pathToFileURL(join(import.meta.dirname, "../support/record-network.ts")).href;
const nowhere = "127.0.0.1:9";
let service: ServiceProcess;
let port = 0;

before(async () => {
  service = startServiceProcess(
    {
      AUTH_MODE: "none",
      API_HOST: "127.0.0.1",
      PORT: "0",
      NETWORK_RECORD: record,
      SQL_ADMIN_ENDPOINT: `http://${nowhere}`,
      SECRET_MANAGER_ENDPOINT: nowhere,
      FIRESTORE_EMULATOR_HOST: nowhere,
      GCE_METADATA_HOST: nowhere,
      METADATA_SERVER_DETECTION: "none",
      GOOGLE_CLOUD_PROJECT: "demo-project",
      REQUEST_TIMEOUT: "5",
      // It looks for abandoned operations in Firestore by itself.
      OPERATION_SWEEP_INTERVAL: "0",
    },
    { nodeArguments: ["--import", recorder] },
  );
  port = await service.port();
});
after(async () => {
  await service[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});
afterEach(() => {
  const found = contacted();
  rmSync(record, { force: true });
  assert.equal(found, "", "something was contacted");
});

function contacted(): string {
  // Listening on the loopback host looks its name up.
  const lines = existsSync(record) ? readFileSync(record, "utf8").trim().split("\n") : [];
  return lines.filter((line) => line !== "" && !line.includes('"look-up","target":"127.0.0.1"')).join("\n");
}

interface Refused {
  readonly status: number;
  readonly text: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

async function post(path: string, body: string): Promise<Refused> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body,
  });
  return {
    status: response.status,
    text: await response.text(),
    headers: Object.fromEntries(response.headers),
  };
}

type Json = Readonly<Record<string, unknown>>;
const isJson = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const posted = contractOperations.filter(({ method }) => method === "post");

function exampleOf({ requestBody }: ContractOperation): Json {
  const media = requestBody?.content["application/json"];
  const first = media?.example ?? Object.values(media?.examples ?? {})[0]?.value;
  assert.ok(isJson(first));
  return first;
}

/** Each string that the request may have at its first level, of whatever the example lacks too. */
function stringFields(operation: ContractOperation): string[] {
  const schema = operation.requestBody?.content["application/json"]?.schema as { properties?: Json };
  return Object.entries(schema.properties ?? {})
    .filter(
      ([, property]) => isJson(property) && (property.type === "string" || Array.isArray(property.enum)),
    )
    .map(([name]) => name);
}

async function assertRefused(
  operation: ContractOperation,
  body: string,
  statuses: readonly number[],
): Promise<void> {
  const answer = await post(operation.path, body);
  const said = `${operation.operationId}: ${answer.status} ${answer.text.slice(0, 400)} to ${body.slice(0, 400)}`;
  assert.ok(statuses.includes(answer.status), said);
  assertContract(operation.operationId, answer);
}

const unreadable = {
  "a NUL": "app\u0000x",
  "a line feed": "app\nx",
  "a bell": "app\u0007",
  DEL: "app\u007f",
  "a zero-width space": "ap\u200bp",
  "a zero-width joiner": "ap\u200dp",
  "a right-to-left override": "app\u202egro",
  "a right-to-left isolate": "\u2067app\u2069",
  "a byte order mark": "\ufeffapp",
  "a soft hyphen": "ap\u00adp",
  "a line separator": "app\u2028x",
  "a lone surrogate": "app\ud800",
};

describe("a string field of any operation", () => {
  for (const operation of posted) {
    const fields = stringFields(operation);
    test(`${operation.operationId} refuses characters that nobody sees, with the field's name`, async () => {
      for (const field of fields) {
        for (const value of Object.values(unreadable)) {
          const body = JSON.stringify({ ...exampleOf(operation), [field]: value });
          const { status, text } = await post(operation.path, body);
          assert.equal(status, 400, `${field}: ${JSON.stringify(value)}: ${text.slice(0, 300)}`);
          const { errors = [] } = JSON.parse(text) as { errors?: { pointer: string }[] };
          assert.ok(
            errors.some(({ pointer }) => pointer.startsWith(`/${field}`)),
            text,
          );
          assert.ok(!/\p{Cf}|\p{Cc}/u.test(text), "it is repeated");
        }
      }
    });

    test(`${operation.operationId} refuses values of another type, however deep, and more than it can hold`, async () => {
      const deep = "[".repeat(20_000) + "]".repeat(20_000);
      for (const field of fields) {
        const { [field]: _, ...others } = exampleOf(operation);
        const start = JSON.stringify(others).slice(0, -1);
        const comma = start === "{" ? "" : ",";
        for (const value of [
          "7",
          "true",
          "null",
          "[]",
          "{}",
          '["app"]',
          '{"$ne":null}',
          '{"toString":"x"}',
          deep,
        ])
          await assertRefused(operation, `${start}${comma}${JSON.stringify(field)}:${value}}`, [400]);
        // 100 KiB are the limit; what is also beyond any socket's buffer is sent once.
        const tooLong = "x".repeat(field === fields[0] ? 1024 * 1024 : 101 * 1024);
        await assertRefused(operation, JSON.stringify({ ...others, [field]: tooLong }), [413]);
        await assertRefused(operation, JSON.stringify({ ...others, [field]: "x".repeat(60_000) }), [400]);
      }
    });

    test(`${operation.operationId} refuses keys that are known to every object`, async () => {
      const start = JSON.stringify(exampleOf(operation)).slice(0, -1);
      const comma = start === "{" ? "" : ",";
      for (const key of [
        "__proto__",
        "constructor",
        "prototype",
        "toString",
        "hasOwnProperty",
        "",
        "$where",
      ]) {
        await assertRefused(
          operation,
          `${start}${comma}${JSON.stringify(key)}:{"dry_run":true,"isAdmin":true}}`,
          [400],
        );
      }
      assert.equal(({} as Json).isAdmin, undefined);
    });
  }
});

const places = {
  project_id: [
    "../demo-project",
    "demo-project/../x",
    "demo-project%2f..",
    "demo-project@evil.example",
    "demo-project:80",
    "a:b:c",
    "metadata.google.internal/",
    "169.254.169.254",
    "http://127.0.0.1",
    "localhost:8080",
    "demo project",
    "demo-project?x=1",
    "demo-project#",
    "demo-project\\x",
    "-demo",
    "..",
    ".",
    "demo-project;x",
    "DEMO",
    "d\u0435mo-project",
    "demo-project ",
  ],
  region: [
    "../europe-west1",
    "europe-west1/..",
    "europe-west1.evil.example",
    "europe-west1@x1",
    "europe-west1:80",
    "europe-west1%2f",
    "metadata.google.internal",
    "169.254.169.254",
    "x",
    "europe-west1.rep.googleapis.com.evil-a1",
    "Europe-West1",
    "europe-west1?",
    "europe-west1#",
    "europe\u2010west1",
    "europe-west1 ",
    "..",
  ],
  instance_name: [
    "../orders-db",
    "orders-db/../../x",
    "orders-db%2f..%2f",
    "orders-db@evil.example",
    "orders-db:5432",
    "p:r:orders-db",
    "metadata.google.internal",
    "169.254.169.254",
    "::1",
    "orders_db",
    "orders-db?x",
    "orders-db#x",
    "orders-db/versions/1",
    "orders-db/../../secrets/other",
    "Orders-DB",
    "orders-db.",
    "-orders",
    "orders-db ",
    "\u043erders-db",
  ],
} as const;

describe("a target that would lead elsewhere", () => {
  for (const operation of posted) {
    const fields = stringFields(operation).filter((field): field is keyof typeof places => field in places);
    if (fields.length === 0) continue;
    test(`is refused by ${operation.operationId}, in URLs, hosts and names of secrets alike`, async () => {
      const target = { project_id: "demo-project", region: "europe-west1", instance_name: "orders-db" };
      for (const field of fields) {
        for (const value of places[field])
          await assertRefused(
            operation,
            JSON.stringify({ ...target, ...exampleOf(operation), [field]: value }),
            [400],
          );
      }
    });
  }

  test("is refused in a query, once or twice", async () => {
    const query = (fields: Record<string, string>) =>
      new URLSearchParams({
        project_id: "demo-project",
        region: "europe-west1",
        instance_name: "orders-db",
        database_name: "orders",
        ...fields,
      });
    for (const [field, values] of Object.entries(places)) {
      for (const value of values) {
        const response = await fetch(`http://127.0.0.1:${port}/roles/status?${query({ [field]: value })}`);
        assert.equal(response.status, 400, `${field}=${value}: ${await response.text()}`);
      }
    }
    for (const tail of ["&region=europe-west1", "&instance_name[]=x", "&__proto__[x]=1", "&constructor=x"]) {
      const response = await fetch(`http://127.0.0.1:${port}/roles/status?${query({})}${tail}`);
      assert.equal(response.status, 400, `${tail}: ${await response.text()}`);
    }
  });

  test("is not reached without a region either", async () => {
    for (const [field, values] of Object.entries({
      project_id: places.project_id,
      instance_name: places.instance_name,
    })) {
      for (const value of values) {
        const query = new URLSearchParams({
          project_id: "demo-project",
          instance_name: "orders-db",
          database_name: "orders",
          [field]: value,
        });
        const response = await fetch(`http://127.0.0.1:${port}/roles/status?${query}`);
        assert.equal(response.status, 400, `${field}=${value}: ${await response.text()}`);
      }
    }
  });
});

test("a body that has a key twice is refused: which of them counts is anybody's guess", async () => {
  for (const operation of posted) {
    const [field = "x"] = stringFields(operation);
    const start = JSON.stringify({ [field]: "x", ...exampleOf(operation) }).slice(0, -1);
    await assertRefused(operation, `${start},${JSON.stringify(field)}:"other"}`, [400]);
  }
});

test("paths with tricks lead nowhere", async () => {
  const raw = async (target: string): Promise<string> => {
    const socket = connect(port, "127.0.0.1");
    socket.end(
      `POST ${target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{}`,
    );
    return (await readText(socket)).slice(9, 12);
  };
  for (const target of [
    "/database/../roles/assign",
    "/roles%2fassign",
    "//roles/assign",
    "/ROLES/ASSIGN",
    "/roles/assign;x",
    "/roles/assign%00",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/roles\\assign",
    "/roles/assign/..",
    "/__proto__",
    "/constructor",
  ])
    assert.equal(await raw(target), "404", target);
});

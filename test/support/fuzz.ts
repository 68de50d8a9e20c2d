import assert from "node:assert/strict";
import fc from "fast-check";
import { anyCharacter } from "./any-character.ts";
import { assertContract, type ContractOperation, contractOperations } from "./contract.ts";

export interface FuzzedRequest {
  readonly operationId: string;
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly contentType: string;
  readonly body: string | undefined;
}

export interface FuzzOptions {
  readonly url: string;
  readonly runs: number;
  readonly seed?: number;
  /** Which operations; all of the contract when missing. */
  readonly operationIds?: readonly string[];
  /** Called with each answer, for instance to count. */
  readonly onAnswer?: (request: FuzzedRequest, status: number, text: string) => void;
}

const hostileStrings = [
  "",
  " ",
  "'",
  '"',
  '"; DROP SCHEMA app CASCADE; --',
  "') OR 1=1 --",
  "$$; SELECT 1; $$",
  "/* */",
  "\\",
  "%s%n{0}",
  "..",
  "../../etc/passwd",
  "projects/p/secrets/s",
  "a/b",
  "a:b:c",
  "__proto__",
  "constructor",
  "public",
  "pg_catalog",
  "postgres",
  "cloudsqladmin",
  "current_user",
  "a\u0000b",
  "\u0000",
  "a\nb\r\n",
  "\u200b\u202e\u2066",
  "\ud800",
  "\udc00x",
  "\ufeff",
  "\uffff",
  "\u{1f600}".repeat(20),
  "e\u0301".repeat(40),
  "x".repeat(63),
  "x".repeat(64),
  "x".repeat(10_000),
  "alice@example.com",
  "ALICE@EXAMPLE.COM",
  "@",
  "a@b@c",
  "sa@p.iam.gserviceaccount.com",
  ".gserviceaccount.com",
  "europe-west1",
  "orders-db",
  "169.254.169.254",
  "http://metadata.google.internal/",
];

const wrongValues: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(null, true, false, 0, -1, 1e308, 1.5, [], {}, [[]], { a: { b: {} } }, ["app"]),
  fc.json().map((text): unknown => JSON.parse(text)),
);

const strings: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(...hostileStrings),
  fc.string({ unit: anyCharacter, maxLength: 80 }),
  fc.string({ unit: "grapheme", maxLength: 40 }),
);

type Fields = Readonly<Record<string, unknown>>;
type Mutation = (fields: Fields) => Fields;

function without(fields: Fields, name: string): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([key]) => key !== name));
}

function mutations(names: readonly string[]): fc.Arbitrary<Mutation> {
  const name = fc.constantFrom(...names);
  const extra = fc.oneof(
    fc.constantFrom("extra", "schema", "constructor", "toString", "hasOwnProperty"),
    fc.string(),
  );
  return fc.oneof(
    {
      weight: 5,
      arbitrary: fc.tuple(name, strings).map(([key, value]) => (fields: Fields) => ({
        ...fields,
        [key]: value,
      })),
    },
    {
      weight: 2,
      arbitrary: fc.tuple(name, wrongValues).map(([key, value]) => (fields: Fields) => ({
        ...fields,
        [key]: value,
      })),
    },
    { weight: 2, arbitrary: name.map((key) => (fields: Fields) => without(fields, key)) },
    {
      weight: 1,
      arbitrary: fc.tuple(extra, wrongValues).map(([key, value]) => (fields: Fields) => ({
        ...fields,
        [key]: value,
      })),
    },
  );
}

const deep = `${"[".repeat(30_000)}${"]".repeat(30_000)}`;

/** What may become of a body that was JSON. */
const textMutations: fc.Arbitrary<(text: string) => string> = fc.oneof(
  { weight: 12, arbitrary: fc.constant((text: string) => text) },
  { weight: 1, arbitrary: fc.nat(300).map((at) => (text: string) => text.slice(0, at)) },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.nat(300), fc.string({ unit: anyCharacter, maxLength: 3 })).map(
      ([at, more]) =>
        (text: string) =>
          text.slice(0, at) + more + text.slice(at),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      (text: string) => text.replace("{", '{"__proto__":{"dry_run":true},'),
      (text: string) => text.replace("{", '{"__proto__":null,"__proto__":{},'),
      (text: string) => text.replace("{", `{"deep":${deep},`),
      (text: string) => `[${text}]`,
      (text: string) => JSON.stringify(text),
      (text: string) => text + text,
      (text: string) => text.padEnd(102_400, " "),
      (text: string) => text.padEnd(102_401, " "),
      () => "",
      () => deep,
      () => "null",
    ),
  },
);

const contentTypes = fc.oneof(
  { weight: 20, arbitrary: fc.constant("application/json") },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "application/json; charset=utf-8",
      "text/plain",
      "application/json; charset=x",
      "x",
    ),
  },
);

/** Every field that the operation's request may have, with the value of the contract's example where it has one. */
function exampleFields(operation: ContractOperation): { names: string[]; example: Fields } {
  const media = operation.requestBody?.content["application/json"];
  if (media === undefined) {
    const parameters = operation.parameters ?? [];
    return {
      names: parameters.map(({ name }) => name),
      example: Object.fromEntries(parameters.map(({ name, example }) => [name, example])),
    };
  }
  const { properties = {} } = media.schema as { properties?: Fields };
  return { names: Object.keys(properties), example: (media.example ?? {}) as Fields };
}

function requestsFor(operation: ContractOperation): fc.Arbitrary<FuzzedRequest> {
  const { names, example } = exampleFields(operation);
  const change = mutations(names.length === 0 ? ["none"] : names);
  // Mostly one change: where much is wrong at once, most of it is never looked at.
  const changes = fc.oneof(
    { weight: 3, arbitrary: change.map((single) => [single]) },
    { weight: 1, arbitrary: fc.array(change, { maxLength: 4 }) },
  );
  return fc.tuple(changes, textMutations, contentTypes).map(([list, changeText, contentType]) =>
    requestOf(
      operation,
      list.reduce((current, change) => change(current), example),
      changeText,
      contentType,
    ),
  );
}

function requestOf(
  { operationId, method, path: template, parameters = [] }: ContractOperation,
  fields: Fields,
  changeText: (text: string) => string,
  contentType: string,
): FuzzedRequest {
  const inPath = new Set(parameters.filter((each) => each.in === "path").map(({ name }) => name));
  const path = template.replace(/\{(\w+)\}/g, (_, name: string) => pathSegment(fields[name]));
  if (method === "post") {
    const body = changeText(JSON.stringify(fields));
    return { operationId, method: "POST", path, contentType, body };
  }
  const query = new URLSearchParams(
    Object.entries(fields)
      .filter(([key]) => !inPath.has(key))
      .map(([key, value]): [string, string] => [key, asText(value)]),
  );
  return {
    operationId,
    method: "GET",
    path: `${path}?${query}`.slice(0, 8000),
    contentType,
    body: undefined,
  };
}

/** A segment that is empty, or all dots, would make it the path of another operation. */
function pathSegment(value: unknown): string {
  const text = asText(value).toWellFormed().slice(0, 500);
  return /^\.*$/.test(text) ? "none" : encodeURIComponent(text);
}

/** The contract's own example, unchanged. */
function exampleRequest(operation: ContractOperation): FuzzedRequest {
  const { example } = exampleFields(operation);
  return requestOf(operation, example, (text) => text, "application/json");
}

function asText(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}

async function send(url: string, request: FuzzedRequest) {
  const response = await fetch(url + request.path, {
    method: request.method,
    headers: { "Content-Type": request.contentType },
    ...(request.body === undefined ? {} : { body: request.body }),
  });
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    text: await response.text(),
  };
}

/**
 * Sends bad and nearly good requests, made from the contract, and fails unless each answer is what the contract says
 * and none is a 500.
 */
export async function fuzz(options: FuzzOptions): Promise<void> {
  const wanted = contractOperations.filter(
    ({ operationId }) => options.operationIds?.includes(operationId) ?? true,
  );
  const property = fc.asyncProperty(fc.oneof(...wanted.map(requestsFor)), async (request) => {
    const answer = await send(options.url, request);
    options.onAnswer?.(request, answer.status, answer.text);
    assert.notEqual(answer.status, 500, answer.text);
    assertContract(request.operationId, answer);
  });
  const seed = options.seed === undefined ? {} : { seed: options.seed };
  // First what is right, so that every operation is reached whatever chance brings.
  const examples = wanted.map((operation): [FuzzedRequest] => [exampleRequest(operation)]);
  await fc.assert(property, { numRuns: options.runs, examples, ...seed });
}

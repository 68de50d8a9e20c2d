import assert from "node:assert/strict";
import { Ajv2020, type AnySchema, type ValidateFunction } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { readDocument } from "../../src/http/document.ts";

type Json = Readonly<Record<string, unknown>>;

interface Media {
  readonly schema?: AnySchema;
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, { readonly value?: unknown }>>;
}

interface ResponseObject {
  readonly content?: Readonly<Record<string, Media>>;
}

/** An operation of the contract with every reference resolved. */
export interface ContractOperation {
  readonly operationId: string;
  readonly method: string;
  readonly path: string;
  readonly summary?: string;
  readonly description?: string;
  readonly tags?: readonly string[];
  readonly parameters?: readonly (Json & {
    readonly name: string;
    readonly in: string;
    readonly example?: unknown;
    readonly schema: Json;
  })[];
  readonly requestBody?: { readonly content: Readonly<Record<string, Media>> };
  readonly responses: Readonly<Record<string, ResponseObject>>;
}

/** What a test has of an answer; supertest's responses are such. */
export interface AnyAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
}

function isJson(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function resolveAll(value: unknown, root: Json): unknown {
  if (Array.isArray(value)) return value.map((item) => resolveAll(item, root));
  if (!isJson(value)) return value;
  if (typeof value.$ref === "string") {
    const found = value.$ref
      .split("/")
      .slice(1)
      .reduce<unknown>((at, part) => (isJson(at) ? at[part] : undefined), root);
    assert.ok(found, `the contract has no ${value.$ref}`);
    return resolveAll(found, root);
  }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, resolveAll(item, root)]));
}

function readOperations(): ContractOperation[] {
  const document: unknown = readDocument();
  assert.ok(isJson(document) && isJson(document.paths));
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item as Json).map(
      ([method, operation]) =>
        ({ ...(resolveAll(operation, document) as Json), method, path }) as unknown as ContractOperation,
    ),
  );
}

export const contractOperations: readonly ContractOperation[] = readOperations();

export function contractOperation(operationId: string): ContractOperation {
  const operation = contractOperations.find((candidate) => candidate.operationId === operationId);
  assert.ok(operation, `the contract has no operation ${operationId}`);
  return operation;
}

/** The contract lets answers grow; a test does not: a field that the contract does not name is a fault here. */
function closed(schema: unknown, isPart = false): unknown {
  if (!isJson(schema)) return schema;
  const result: Record<string, unknown> = { ...schema };
  if (Array.isArray(schema.allOf)) result.allOf = schema.allOf.map((part) => closed(part, true));
  if (isJson(schema.properties)) {
    const entries = Object.entries(schema.properties).map(([key, value]) => [key, closed(value)]);
    result.properties = Object.fromEntries(entries);
  }
  if (schema.items !== undefined) result.items = closed(schema.items);
  if (isJson(schema.additionalProperties)) result.additionalProperties = closed(schema.additionalProperties);
  const holdsFields = schema.allOf !== undefined || schema.properties !== undefined;
  if (holdsFields && !isPart && schema.additionalProperties === undefined)
    result.unevaluatedProperties = false;
  return result;
}

// What is compiled is run a few times: to optimize it, which takes as long as the rest of compiling, does not pay.
const ajv = new Ajv2020({ allErrors: true, strict: false, code: { optimize: false } });
addFormats.default(ajv);
const compiled = new WeakMap<object, ValidateFunction>();

/** Fails unless the value is what the schema says, and has no field beyond it. */
export function assertMatches(schema: unknown, value: unknown, what: string): void {
  assert.ok(isJson(schema), `${what}: the contract has no schema`);
  let validate = compiled.get(schema);
  if (validate === undefined) {
    validate = ajv.compile(closed(schema) as AnySchema);
    compiled.set(schema, validate);
  }
  assert.ok(
    validate(value),
    `${what} is not as the contract says: ${ajv.errorsText(validate.errors)}\n${JSON.stringify(value)}`,
  );
}

/** Fails unless an answer's status, media type and body are what the contract says of the operation. */
export function assertContract(operationId: string, answer: AnyAnswer): void {
  const operation = contractOperation(operationId);
  const response = operation.responses[String(answer.status)] ?? operation.responses.default;
  assertResponse(response, answer, `${operationId} ${answer.status}`);
}

/** Fails unless an answer is a problem as the contract describes it. For paths that the contract does not have, too. */
export function assertProblem(answer: AnyAnswer, status: number, errorType: string): void {
  assert.equal(answer.status, status, answer.text);
  assertResponse(contractOperation("listSchemas").responses.default, answer, `problem ${status}`);
  const problem = JSON.parse(answer.text) as Json;
  assert.equal(problem.error_type, errorType);
  assert.equal(problem.status, status);
  assert.equal(problem.detail, problem.message);
  assert.equal(problem.request_id, answer.headers["x-request-id"]);
}

function assertResponse(response: ResponseObject | undefined, answer: AnyAnswer, what: string): void {
  assert.ok(response, `${what} is not in the contract`);
  const type = String(answer.headers["content-type"]).split(";")[0] ?? "";
  const media = response.content?.[type];
  assert.ok(media, `${what} has media type ${type}, which is not in the contract`);
  const body: unknown = type.endsWith("json") ? JSON.parse(answer.text) : answer.text;
  assertMatches(media.schema, body, what);
}

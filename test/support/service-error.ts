import assert from "node:assert/strict";
import { type ErrorKind, ServiceError } from "../../src/errors.ts";

/** Asserts that the work fails with a ServiceError of that kind (and, for not_found, about that resource). */
export async function assertServiceError(
  work: Promise<unknown>,
  kind: ErrorKind,
  resource?: string,
): Promise<ServiceError> {
  const error: unknown = await work.then(
    () => assert.fail("it should have failed"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof ServiceError, String(error));
  assert.equal(error.kind, kind, error.message);
  assert.equal(error.details.resource, resource);
  return error;
}

import assert from "node:assert/strict";
import { ServiceError } from "../../src/errors.ts";

/** The ServiceError with which work fails; anything else fails the test. */
export async function serviceErrorOf(work: Promise<unknown>): Promise<ServiceError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof ServiceError) return error;
    throw error;
  }
  throw new assert.AssertionError({ message: "it did not fail" });
}

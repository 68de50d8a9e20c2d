import type { Document, Operation } from "openapi-backend";
import contract from "./contract.json" with { type: "json" };

export type ApiDocument = Document;
export type ApiOperation = Operation;

function assertDocument(value: unknown): asserts value is ApiDocument {
  const version =
    typeof value === "object" && value !== null && "openapi" in value ? value.openapi : undefined;
  if (typeof version !== "string" || !version.startsWith("3.1.")) {
    throw new Error("The contract is not an OpenAPI 3.1 document");
  }
}

/** The contract as an object of its own: who gets it may change it. */
export function readDocument(): ApiDocument {
  const document: unknown = structuredClone(contract);
  assertDocument(document);
  return document;
}

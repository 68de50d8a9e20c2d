import { fastify } from "fastify";
import { readDocument } from "../../src/http/document.ts";
import { answerParent } from "../child.ts";
import { type ContestantSettings, createRawPool, targetFields } from "./contestant.ts";
import { createReads } from "./reads.ts";

/** Fastify with its own validation of the same fields, without a log. */
answerParent<ContestantSettings>(async (settings) => {
  const reads = createReads(createRawPool(settings));
  const app = fastify();
  const text = { type: "string", minLength: 1, maxLength: 98 };
  const body = {
    type: "object",
    required: Object.keys(targetFields),
    additionalProperties: false,
    properties: Object.fromEntries(Object.keys(targetFields).map((field) => [field, text])),
  };
  app.post("/database/schemas", { schema: { body } }, () => reads.schemas());
  app.post("/database/health", { schema: { body } }, () => reads.health());
  const known = new Set(["/database/schemas", "/database/health"]);
  // The other operations of the contract, so that the router has as much to choose from.
  for (const path of Object.keys(readDocument().paths ?? {})) {
    if (!known.has(path)) app.post(path, async () => ({ success: true }));
  }
  await app.listen({ port: 0, host: "127.0.0.1", backlog: 4096 });
  const address = app.server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
});

import { createServer } from "node:http";
import express from "express";
import { type Context, OpenAPIBackend, type Request } from "openapi-backend";
import { readDocument } from "../../src/http/document.ts";
import { answerParent } from "../child.ts";
import { type ContestantSettings, createRawPool, listen } from "./contestant.ts";
import { createReads } from "./reads.ts";

type Response = express.Response;

/**
 * Express and openapi-backend as the library's documentation has it, with the service's contract:
 * https://openapistack.co/docs/openapi-backend/intro/
 */
answerParent<ContestantSettings>(async (settings) => {
  const reads = createReads(createRawPool(settings));
  const api = new OpenAPIBackend({
    definition: readDocument(),
    ajvOpts: { strict: false },
    // The library cannot validate documents of OpenAPI 3.1 themselves; requests are validated all the same.
    quick: true,
    handlers: {
      listSchemas: async (_c: Context, _request: unknown, response: Response) =>
        response.status(200).json(await reads.schemas()),
      checkDatabaseHealth: async (_c: Context, _request: unknown, response: Response) =>
        response.status(200).json(await reads.health()),
      validationFail: (c: Context, _request: unknown, response: Response) =>
        response.status(400).json({ err: c.validation.errors }),
      notFound: (_c: Context, _request: unknown, response: Response) =>
        response.status(404).json({ err: "not found" }),
    },
  });
  await api.init();
  const app = express();
  app.use(express.json());
  app.use((request, response) => api.handleRequest(request as Request, request, response));
  return listen(createServer(app));
});

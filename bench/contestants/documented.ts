import { createServer } from "node:http";
import express from "express";
import morgan from "morgan";
import { type Context, OpenAPIBackend, type Request } from "openapi-backend";
import { readDocument } from "../../src/http/document.ts";
import { answerParent } from "../child.ts";
import { type ContestantSettings, createRawPool, listen } from "./contestant.ts";
import { createReads } from "./reads.ts";

type Response = express.Response;

/**
 * Express and openapi-backend as the library's documentation and its examples for Express have it, with the service's
 * contract, and queries as node-postgres documents them first, as plain text. The examples log each request by morgan:
 * https://openapistack.co/docs/openapi-backend/intro/,
 * https://github.com/openapistack/openapi-backend/tree/main/examples/express-typescript and
 * https://node-postgres.com/features/pooling
 */
answerParent<ContestantSettings>(async (settings) => {
  const reads = createReads(createRawPool(settings), "text");
  const api = new OpenAPIBackend({
    definition: readDocument(),
    // Without it the library refuses a document of OpenAPI 3.1; it changes the start only, not how requests are served.
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
  if (settings.logging !== false) app.use(morgan("combined"));
  app.use((request, response) => api.handleRequest(request as Request, request, response));
  return listen(createServer(app));
});

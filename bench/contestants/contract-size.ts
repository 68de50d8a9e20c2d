import { openAccess } from "../../src/http/access.ts";
import type { AppOptions } from "../../src/http/app.ts";
import { readDocument } from "../../src/http/document.ts";
import { createHandlers } from "../../src/http/handlers/all.ts";
import { realOperations } from "../../src/http/operations.ts";
import type { Handlers } from "../../src/http/typed.ts";
import type { Context } from "../../src/operations/context.ts";

const measured = ["/database/health", "/database/schemas"];

/**
 * The service's contract cut down, or filled up with copies of the schemas operation under other paths, to `size`
 * operations.
 */
export function contractOfSize(size: number, context: Context): NonNullable<AppOptions["contract"]> {
  const document = readDocument();
  const made = createHandlers({
    ...{ context, operations: realOperations, document, allowedRegions: [], now: Date.now },
    service: { name: "bench", version: "0" },
    access: openAccess,
  });
  const handlers: Record<string, unknown> = { ...made };
  const all = document.paths ?? {};
  const paths: typeof all = Object.fromEntries(measured.map((path) => [path, all[path] ?? {}]));
  const model = all["/database/schemas"]?.post;
  for (let n = measured.length; n < size; n += 1) {
    const operationId = `listSchemas${n}`;
    paths[`/database/schemas/copy-${n}`] = { post: { ...structuredClone(model), operationId } } as object;
    handlers[operationId] = made.listSchemas;
  }
  // Those that the measured ones would otherwise stand before.
  document.paths = Object.fromEntries(Object.entries(paths).reverse());
  return { document, handlers: handlers as Handlers };
}

import { createHash } from "node:crypto";
import { type Field, listFields, type Resolve, type Schema } from "./docs-fields.ts";
import { docsStyles } from "./docs-styles.ts";
import type { ApiDocument } from "./document.ts";
import { type Html, html, inlineProse, prose } from "./html.ts";
import { problems } from "./problem.ts";

const stylesHash = createHash("sha256").update(docsStyles).digest("base64");

/** The page's Content-Security-Policy: its own styles, and nothing else from anywhere. */
export const docsPolicy = `default-src 'none'; style-src 'sha256-${stylesHash}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`;

interface Content {
  readonly schema?: Schema;
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, { readonly summary?: string; readonly value?: unknown }>>;
}

type Contents = Readonly<Record<string, Content>>;

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema?: Schema;
  readonly example?: unknown;
}

interface DocumentedOperation {
  readonly operationId?: string;
  readonly tags?: readonly string[];
  readonly summary?: string;
  readonly description?: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Contents };
  readonly responses?: Readonly<
    Record<string, { readonly description?: string; readonly content?: Contents }>
  >;
  readonly "x-errors"?: Readonly<Record<string, string>>;
}

interface Entry {
  readonly method: string;
  readonly path: string;
  readonly operation: DocumentedOperation;
}

/** The contract as a page to read: no script, nothing from other hosts. */
export function renderDocs(document: ApiDocument): string {
  const resolve: Resolve = (schema) => (schema.$ref === undefined ? schema : lookUp(document, schema.$ref));
  const entries = listEntries(document);
  const { info, tags = [] } = document;
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${info.title}</title>
<style>${{ html: docsStyles }}</style>
</head>
<body>
<header>
<h1>${info.title} <small>${info.version}</small></h1>
${prose(info.description)}
<p>The same as <a href="/openapi.json">OpenAPI 3.1 document</a>.</p>
</header>
<nav aria-label="Operations">
${tags.map((tag) => renderContents(tag.name, entries))}
<p><a href="#errors">Errors</a></p>
</nav>
<main>
${tags.map((tag) => html`<h2>${tag.name}</h2>\n${prose(tag.description)}${inTag(entries, tag.name).map((entry) => renderOperation(entry, resolve))}`)}
${renderErrors(document)}
</main>
</body>
</html>
`;
  return page.html;
}

const verbs = ["get", "post", "put", "patch", "delete"] as const;

function listEntries(document: ApiDocument): Entry[] {
  return Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    verbs.flatMap((method) => {
      const operation = item?.[method] as DocumentedOperation | undefined;
      return operation === undefined ? [] : [{ method: method.toUpperCase(), path, operation }];
    }),
  );
}

function inTag(entries: readonly Entry[], tag: string): Entry[] {
  return entries.filter(({ operation }) => operation.tags?.includes(tag));
}

/** Follows a reference within the document, such as #/components/schemas/Target. */
function lookUp(document: ApiDocument, reference: string): Schema {
  const parts = reference.split("/").slice(1);
  const found = parts.reduce<unknown>(
    (value, part) => (value as Record<string, unknown> | undefined)?.[part],
    document,
  );
  if (typeof found !== "object" || found === null) throw new Error(`The contract has no ${reference}`);
  return found;
}

function renderContents(tag: string, entries: readonly Entry[]): Html {
  const items = inTag(entries, tag).map(
    ({ path, operation }) =>
      html`<li><a href="#${operation.operationId}">${path}</a> ${operation.summary}</li>\n`,
  );
  return html`<h2>${tag}</h2>\n<ul>\n${items}</ul>\n`;
}

function renderOperation({ method, path, operation }: Entry, resolve: Resolve): Html {
  return html`<section id="${operation.operationId}">
<h3><span class="method">${method}</span> <code>${path}</code></h3>
<p><strong>${operation.summary}.</strong> <code>${operation.operationId}</code></p>
${prose(operation.description)}${renderParameters(operation.parameters, resolve)}${renderContent("Request", operation.requestBody?.content, resolve)}${renderContent("Answer (200)", operation.responses?.["200"]?.content, resolve)}${renderOperationErrors(operation)}</section>
`;
}

function renderParameters(parameters: readonly Parameter[] | undefined, resolve: Resolve): Html | undefined {
  if (parameters === undefined) return undefined;
  const fields = parameters.map(({ name, required = false, description = "", schema = {} }) => {
    const { type, description: rule } = listFields({ properties: { [name]: schema } }, resolve)[0] ?? {};
    return { name, required, type: String(type ?? "any"), description: `${description} ${rule ?? ""}` };
  });
  const query = new URLSearchParams(
    Object.fromEntries(parameters.map(({ name, example }) => [name, String(example ?? "")])),
  );
  return html`<h4>Query</h4>\n${renderFields(fields, true)}<pre>?${query.toString()}</pre>\n`;
}

function renderContent(title: string, contents: Contents | undefined, resolve: Resolve): Html {
  return html`${Object.entries(contents ?? {}).map(([type, { schema = {}, example }]) => {
    const fields = listFields(schema, resolve);
    return html`<h4>${title}</h4>
<p><code>${type}</code></p>
${fields.length > 0 ? renderFields(fields, title === "Request") : undefined}${renderExample(example)}`;
  })}`;
}

function renderFields(fields: readonly Field[], showRequired: boolean): Html {
  const rows = fields.map(
    ({ name, type, required, description }) =>
      html`<tr><td><code>${name}</code></td><td>${type}${required || !showRequired ? "" : ", optional"}</td><td>${inlineProse(description)}</td></tr>\n`,
  );
  return html`<table>\n<thead><tr><th>Field</th><th>Type</th><th>Meaning</th></tr></thead>\n<tbody>\n${rows}</tbody>\n</table>\n`;
}

function renderExample(example: unknown): Html | undefined {
  if (example === undefined) return undefined;
  const text = typeof example === "string" ? example : JSON.stringify(example, undefined, 2);
  return html`<pre>${text}</pre>\n`;
}

function renderOperationErrors(operation: DocumentedOperation): Html {
  const own = Object.entries(operation["x-errors"] ?? {}).map(
    ([kind, when]) => html`<li><a href="#${kind}"><code>${kind}</code></a>: ${inlineProse(when)}</li>\n`,
  );
  return html`<h4>Errors</h4>
<ul>
${own}<li>and those that <a href="#errors">every operation</a> may answer with</li>
</ul>
`;
}

function renderErrors(document: ApiDocument): Html {
  const problem = lookUp(document, "#/components/responses/Problem") as { content?: Contents };
  const resolve: Resolve = (schema) => (schema.$ref === undefined ? schema : lookUp(document, schema.$ref));
  const [[type, content] = ["", {} as Content]] = Object.entries(problem.content ?? {});
  const kinds = Object.entries(problems).map(
    ([kind, { status, title }]) => html`<section id="${kind}">
<h3>${status} <code>${kind}</code></h3>
<p>${title}.</p>
${renderExample(content.examples?.[kind]?.value)}</section>
`,
  );
  return html`<h2 id="errors">Errors</h2>
<p>Every failure is a problem document (RFC 9457, <code>${type}</code>).</p>
${renderFields(listFields(content.schema ?? {}, resolve), false)}${kinds}`;
}

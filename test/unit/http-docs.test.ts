import assert from "node:assert/strict";
import { test } from "node:test";
import { renderDocs } from "../../src/http/docs.ts";
import { listFields } from "../../src/http/docs-fields.ts";
import { readDocument } from "../../src/http/document.ts";
import { html, inlineProse } from "../../src/http/html.ts";

test("what is put into a page is escaped, unless it is HTML", () => {
  const inner = html`<b>${"<script>&\"'"}</b>`;
  assert.equal(
    html`<p title="${'"x"'}">${[inner, 1, undefined]}</p>`.html,
    '<p title="&quot;x&quot;"><b>&lt;script&gt;&amp;&quot;&#39;</b>1</p>',
  );
});

test("prose shows code and nothing else as markup", () => {
  assert.equal(inlineProse("a `<b>`\n  *c*").html, "a <code>&lt;b&gt;</code> *c*");
});

test("fields of nested objects, lists and maps are listed below their parent", () => {
  const leaf = { type: "string", description: "A leaf" };
  const schema = {
    allOf: [
      { properties: { list: { type: "array", items: { properties: { leaf }, required: ["leaf"] } } } },
      { properties: { map: { type: "object", additionalProperties: { properties: { leaf } } } } },
      { properties: { maybe: { type: ["string", "null"], enum: ["a", null] } } },
    ],
  };
  const fields = listFields(schema, (part) => part);
  assert.deepEqual(
    fields.map(({ name, type, required, description }) => [name, type, required, description]),
    [
      ["list", "array of any", false, ""],
      ["list[].leaf", "string", true, "A leaf."],
      ["map", "object", false, ""],
      ["map.{name}.leaf", "string", false, "A leaf."],
      ["maybe", "string or null", false, "One of `a`, `null`."],
    ],
  );
});

test("a reference that leads nowhere is a fault", () => {
  const document = readDocument();
  delete document.components?.schemas?.TargetRequest;
  assert.throws(() => renderDocs(document), /no #\/components\/schemas\/TargetRequest/);
});

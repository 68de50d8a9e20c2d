/** Text that is HTML already. Everything else is escaped where it is put into a page. */
export interface Html {
  readonly html: string;
}

type Part = string | number | Html | readonly Part[] | undefined;

/** A template whose values are escaped unless they are HTML; lists are joined, undefined is left out. */
export function html(literals: TemplateStringsArray, ...values: readonly Part[]): Html {
  return { html: String.raw({ raw: literals }, ...values.map(toHtml)) };
}

function toHtml(part: Part): string {
  if (part === undefined) return "";
  if (typeof part === "string" || typeof part === "number") return escapeHtml(String(part));
  return "html" in part ? part.html : part.map(toHtml).join("");
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? character);
}

/** The little of Markdown that the contract's descriptions use: paragraphs and `code`. */
export function prose(text: string | undefined): Html {
  const paragraphs = (text ?? "").trim().split(/\n\s*\n/);
  return html`${paragraphs.filter(Boolean).map((paragraph) => html`<p>${inlineProse(paragraph)}</p>\n`)}`;
}

export function inlineProse(text: string): Html {
  const parts = text.trim().replace(/\s+/g, " ").split("`");
  return html`${parts.map((part, index) => (index % 2 === 1 ? html`<code>${part}</code>` : part))}`;
}

import { createHash } from "node:crypto";
import type { ApiDocument } from "./document.ts";

const styles = "";
export const docsPolicy = `default-src 'none'; style-src 'sha256-${createHash("sha256").update(styles).digest("base64")}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`;

/** The contract as a page to read. */
export function renderDocs(document: ApiDocument): string {
  return `<!doctype html><title>${document.info.title}</title>`;
}

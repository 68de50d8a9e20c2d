import { refuseCaller } from "./refusal.ts";

const base64url = /^[\w-]+$/;

/** A part of a token: an object, in which no name comes twice, since readers would differ in which one counts. */
export function parseTokenPart(part: string): Readonly<Record<string, unknown>> {
  if (!base64url.test(part)) throw refuseCaller("invalid_token", "no base64url");
  const text = Buffer.from(part, "base64url").toString("utf8");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refuseCaller("invalid_token", "no JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw refuseCaller("invalid_token", "no object");
  }
  if (countNames(text) !== Object.keys(value).length) throw refuseCaller("invalid_token", "a name twice");
  return Object.assign(Object.create(null), value);
}

/** How many names the outermost object of a valid JSON text is written with. */
function countNames(text: string): number {
  let [depth, names] = [0, 0];
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:]/g)) {
    if (token === "{" || token === "[") depth += 1;
    else if (token === "}" || token === "]") depth -= 1;
    else if (token === ":" && depth === 1) names += 1;
  }
  return names;
}

import { invalidArgument } from "../grpc-server.ts";

const MAX_PAGE_SIZE = 25_000;

/** One page of `items`; the token is opaque to clients, and belongs to the same list. */
export function pageOf<T>(
  items: readonly T[],
  pageSize: number,
  pageToken: string,
): { page: T[]; nextPageToken: string; totalSize: number } {
  if (pageSize < 0) throw invalidArgument("The page size must not be negative.");
  const decoded = pageToken === "" ? "0" : Buffer.from(pageToken, "base64url").toString();
  const start = Number(decoded);
  if (!/^\d+$/.test(decoded) || start > items.length) {
    throw invalidArgument("The page token is not valid.");
  }
  const end = start + Math.min(pageSize || MAX_PAGE_SIZE, MAX_PAGE_SIZE);
  const nextPageToken = end < items.length ? Buffer.from(String(end)).toString("base64url") : "";
  return { page: items.slice(start, end), nextPageToken, totalSize: items.length };
}

/**
 * The part of the list filters that is of use here: terms such as `name:part`, `state=ENABLED` or `labels.k=v`,
 * joined by AND.
 */
export function matcherOf<T>(filter: string, read: (item: T, field: string) => string | undefined) {
  const terms = filter
    .split(/\s+AND\s+/)
    .filter((term) => term.trim() !== "")
    .map((term) => {
      const match = /^\s*([A-Za-z_.-]+)\s*([:=])\s*"?([^"]*?)"?\s*$/.exec(term);
      if (match === null) throw invalidArgument(`The filter [${term}] is not supported.`);
      const [, field = "", operator, wanted = ""] = match;
      return { field, operator, wanted };
    });
  return (item: T): boolean =>
    terms.every(({ field, operator, wanted }) => {
      const value = read(item, field);
      return operator === "=" ? value === wanted : (value?.includes(wanted) ?? false);
    });
}

import { invalidArgument } from "../grpc-server.ts";
import type { Storage } from "./storage.ts";
import { compareStrings } from "./values.ts";
import type { Micros } from "./wire.ts";

const DEFAULT_PAGE_SIZE = 300;

/** The ids of the collections right below a document or the root that hold something, at any depth; sorted. */
export function collectionIds(storage: Storage, parent: string, at: Micros | undefined): string[] {
  const ids = new Set<string>();
  for (const { name } of storage.below(parent, at))
    ids.add(name.slice(parent.length + 1).split("/", 1)[0] ?? "");
  return [...ids].sort(compareStrings);
}

/** Full names of a collection's documents; with `missing` also of those that only have something below them; sorted. */
export function documentNames(
  storage: Storage,
  collection: string,
  missing: boolean,
  at: Micros | undefined,
): string[] {
  const names = new Set<string>();
  for (const { name } of storage.ofCollection(collection, at)) names.add(name);
  if (missing) {
    const depth = collection.split("/").length + 1;
    for (const { name } of storage.below(collection, at))
      names.add(name.split("/").slice(0, depth).join("/"));
  }
  return [...names].sort(compareStrings);
}

/** A page of sorted texts; the token is the last text of the page before. */
export function pageAfter(
  items: readonly string[],
  pageSize: number,
  pageToken: string,
): { page: string[]; nextPageToken: string } {
  if (pageSize < 0) throw invalidArgument("The page size must not be negative.");
  const last = Buffer.from(pageToken, "base64url").toString();
  const rest = pageToken === "" ? [...items] : items.filter((item) => compareStrings(item, last) > 0);
  const page = rest.slice(0, pageSize || DEFAULT_PAGE_SIZE);
  const token = page.length < rest.length ? Buffer.from(page.at(-1) ?? "").toString("base64url") : "";
  return { page, nextPageToken: token };
}

import { invalidArgument } from "../grpc-server.ts";

const MAX_ID_BYTES = 1500;
const DATABASE = /^projects\/([^/]+)\/databases\/([^/]+)$/;

/** Checks `projects/P/databases/D` and gives it back. */
export function parseDatabase(name: string): string {
  if (!DATABASE.test(name)) throw invalidArgument(`Invalid database name: "${name}".`);
  return name;
}

/** The database that a document, or the root of all documents, belongs to. */
export function databaseOf(name: string): string {
  return parseDatabase(name.split("/").slice(0, 4).join("/"));
}

/** `.../documents`, or a document below it. */
export function parseParentName(name: string): string {
  const segments = pathOf(name);
  if (segments.length % 2 !== 0) throw invalidArgument(`"${name}" is not the name of a document.`);
  return name;
}

/** Checks the name of a document of `database`, with the rules for ids. */
export function parseDocumentName(name: string, database: string): string {
  const segments = pathOf(name);
  if (databaseOf(name) !== database) {
    throw invalidArgument(`The document "${name}" is not in the database "${database}".`);
  }
  if (segments.length === 0 || segments.length % 2 !== 0) {
    throw invalidArgument(`Document name "${name}" lacks "/" at index ${name.length}, or an id.`);
  }
  return name;
}

/** The ids below `.../documents`, checked. */
export function pathOf(name: string): string[] {
  const database = databaseOf(name);
  const rest = name.slice(database.length + 1);
  if (rest === "documents") return [];
  if (!rest.startsWith("documents/"))
    throw invalidArgument(`"${name}" is not below "${database}/documents".`);
  const segments = rest.split("/").slice(1);
  for (const segment of segments) assertId(segment);
  return segments;
}

export function assertId(id: string): void {
  if (id === "") throw invalidArgument("A resource id must not be empty.");
  if (id === "." || id === ".." || id.includes("/")) throw invalidArgument(`Resource id "${id}" is invalid.`);
  if (/^__.*__$/s.test(id)) throw invalidArgument(`Resource id "${id}" is invalid because it is reserved.`);
  if (Buffer.byteLength(id) > MAX_ID_BYTES)
    throw invalidArgument(`A resource id is over ${MAX_ID_BYTES} bytes.`);
}

/** The collection that holds a document: its name without the last id. */
export function collectionOf(documentName: string): string {
  return documentName.slice(0, documentName.lastIndexOf("/"));
}

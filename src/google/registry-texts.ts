import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import type { DocumentReference } from "@google-cloud/firestore";
import type { KeptText } from "../operations/registry.ts";

/** A document may have 1 MiB; longer texts go on in further documents. */
const partBytes = 900 * 1024;

const compress = promisify(gzip);
const decompress = promisify(gunzip);

/** Writes a text below a target's document, compressed; nothing when it is there already. The last part is written last. */
export async function keepText(document: DocumentReference, { kind, id, text }: KeptText): Promise<void> {
  const collection = document.collection(kind);
  if ((await collection.doc(id).get()).exists) return;
  const bytes = await compress(Buffer.from(text, "utf8"));
  const parts = Math.max(1, Math.ceil(bytes.length / partBytes));
  for (let part = parts - 1; part >= 0; part -= 1) {
    const data = bytes.subarray(part * partBytes, (part + 1) * partBytes);
    await collection.doc(partId(id, part)).set({ data, parts, kept_at: new Date() });
  }
}

/** The text; undefined when it is not there, or not all of it. */
export async function readText(
  document: DocumentReference,
  { kind, id }: Omit<KeptText, "text">,
): Promise<string | undefined> {
  const collection = document.collection(kind);
  const first = await collection.doc(id).get();
  if (!first.exists) return undefined;
  const parts = Number(first.get("parts"));
  const others = await Promise.all(
    Array.from({ length: parts - 1 }, (_, at) => collection.doc(partId(id, at + 1)).get()),
  );
  const all = [first, ...others].map((part) => part.get("data"));
  if (all.some((data) => !(data instanceof Uint8Array))) return undefined;
  return (await decompress(Buffer.concat(all))).toString("utf8");
}

function partId(id: string, part: number): string {
  return part === 0 ? id : `${id}~${part}`;
}

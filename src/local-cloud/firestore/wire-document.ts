import { type FieldPath, maskFields } from "./field-paths.ts";
import type { StoredDocument } from "./storage.ts";
import { microsOf, type WireDocument, wireTime } from "./wire.ts";

/** A stored document as it is answered, with only the fields of the mask when there is one. */
export function wireDocument(document: StoredDocument, mask?: readonly FieldPath[]): WireDocument {
  return {
    name: document.name,
    fields: maskFields(document.fields, mask),
    createTime: wireTime(document.createTime),
    updateTime: wireTime(document.updateTime),
  };
}

export function storedDocument(document: WireDocument): StoredDocument {
  return {
    name: document.name,
    fields: document.fields,
    createTime: document.createTime === null ? 0n : microsOf(document.createTime),
    updateTime: document.updateTime === null ? 0n : microsOf(document.updateTime),
  };
}

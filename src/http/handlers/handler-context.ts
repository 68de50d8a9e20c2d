import type { Context } from "../../operations/context.ts";
import type { Access } from "../access.ts";
import type { ApiDocument } from "../document.ts";
import type { Operations } from "../operations.ts";

/** What the handlers work with; made once, at start-up. */
export interface HandlerContext {
  readonly context: Context;
  readonly operations: Operations;
  readonly access: Access;
  readonly document: ApiDocument;
  readonly service: { readonly name: string; readonly version: string };
  /** Empty: every region. */
  readonly allowedRegions: readonly string[];
  /** The time in milliseconds since 1970. */
  readonly now: () => number;
}

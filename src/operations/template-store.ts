import type { Template } from "../domain/role-template.ts";
import type { StoredTemplate, TemplateWrite } from "../domain/template-versions.ts";

/**
 * The custom templates. A version never changes, it is only retired. A failed read or write throws a `ServiceError` of
 * kind `unavailable` (or `timeout`); it is never answered as "none".
 */
export interface TemplateStore {
  /** By name. */
  list(): Promise<readonly StoredTemplate[]>;
  read(name: string): Promise<StoredTemplate | undefined>;
  /** A version's definition, also a retired one's. */
  readVersion(name: string, version: string): Promise<Template | undefined>;
  /**
   * Adds a version: of a template that there is not yet (`new`), or a greater one than all of a template (`next`). The
   * same content as that version has changes nothing. `conflict`, `not_found` (template).
   */
  add(template: Template, as: "new" | "next", author: string): Promise<TemplateWrite>;
  /** Retires a version, or with none named all of the template. `not_found` (template). */
  retire(name: string, version: string | undefined, author: string): Promise<TemplateWrite>;
}

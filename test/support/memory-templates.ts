import type { Template } from "../../src/domain/role-template.ts";
import { type StoredTemplate, withRetired, withVersion } from "../../src/domain/template-versions.ts";
import { ServiceError } from "../../src/errors.ts";
import type { TemplateStore } from "../../src/operations/template-store.ts";

/** A store of templates for tests of what happens in PostgreSQL; the real one has tests of its own. */
export interface MemoryTemplates extends TemplateStore {
  /** Every call fails until this is called with false. */
  fail(fails: boolean): void;
}

export function createMemoryTemplates(): MemoryTemplates {
  const stored = new Map<string, StoredTemplate>();
  const definitions = new Map<string, Template>();
  let failing = false;
  const check = (): void => {
    if (failing) throw new ServiceError("unavailable", "Firestore is down.");
  };
  return {
    async list() {
      check();
      return [...stored.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
    },
    async read(name) {
      check();
      return stored.get(name);
    },
    async readVersion(name, version) {
      check();
      return definitions.get(`${name}@${version}`);
    },
    async add(template, as, author) {
      check();
      const { name, version } = template;
      const write = withVersion(stored.get(name), template, as, { author, at: new Date() });
      stored.set(name, write.template);
      if (write.changed) definitions.set(`${name}@${version}`, template);
      return write;
    },
    async retire(name, version, author) {
      check();
      const write = withRetired(stored.get(name), name, version, { author, at: new Date() });
      stored.set(name, write.template);
      return write;
    },
    fail(fails) {
      failing = fails;
    },
  };
}

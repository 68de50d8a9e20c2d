import { builtinTemplates } from "../domain/builtin-templates.ts";
import type { Template } from "../domain/role-template.ts";
import { compareVersions } from "../domain/semantic-version.ts";
import { type StoredTemplate, unknownTemplate } from "../domain/template-versions.ts";
import { ServiceError } from "../errors.ts";
import type { Context } from "./context.ts";

/** A version that may be retired. */
export interface FoundTemplate {
  readonly template: Template;
  readonly retired: boolean;
}

/**
 * The template to use for something new; without a version, the newest that is not retired. `not_found` (template);
 * `conflict` when it is retired.
 */
export async function resolveTemplate(
  context: Context,
  name = "standard",
  version?: string,
): Promise<Template> {
  const { template, retired } = await findTemplate(context, name, version);
  if (retired) throw retiredTemplate(template.name, template.version);
  return template;
}

export function retiredTemplate(name: string, version: string): ServiceError {
  const because = `version ${version} of template ${name} is retired`;
  return new ServiceError("conflict", `It cannot be used: ${because}. Use another version or template.`, {
    details: { because, template: name, version },
  });
}

/** As `resolveTemplate`, but a retired version is answered too when it was asked for, or when there is no other. */
export async function findTemplate(
  context: Context,
  name = "standard",
  version?: string,
): Promise<FoundTemplate> {
  const builtin = findBuiltin(name, version);
  if (builtin !== undefined) return { template: builtin, retired: false };
  const stored = isBuiltin(name) ? undefined : await context.templates?.read(name);
  if (stored === undefined) throw unknownTemplate(name, isBuiltin(name) ? version : undefined);
  const meta =
    version === undefined ? newestUsable(stored) : stored.versions.find((one) => one.version === version);
  if (meta === undefined) throw unknownTemplate(name, version);
  const template = await readDefinition(context, name, meta.version);
  if (template === undefined) throw unknownTemplate(name, meta.version);
  return { template, retired: stored.retiredAt !== null || meta.retiredAt !== null };
}

/** A version's definition, retired or not; undefined when nobody knows it (any more). */
export async function readDefinition(
  context: Context,
  name: string,
  version: string,
): Promise<Template | undefined> {
  const builtin = findBuiltin(name, version);
  return builtin ?? (isBuiltin(name) ? undefined : context.templates?.readVersion(name, version));
}

/** The newest version that may be used; undefined when there is none. */
export async function readNewest(context: Context, name: string): Promise<Template | undefined> {
  if (isBuiltin(name)) return findBuiltin(name);
  const stored = await context.templates?.read(name);
  if (stored === undefined || stored.retiredAt !== null) return undefined;
  const newest = stored.versions.find((one) => one.retiredAt === null);
  return newest === undefined ? undefined : context.templates?.readVersion(name, newest.version);
}

function newestUsable(stored: StoredTemplate): StoredTemplate["versions"][number] | undefined {
  return stored.versions.find((one) => one.retiredAt === null) ?? stored.versions[0];
}

export function isBuiltin(name: string): boolean {
  return builtinTemplates.some((one) => one.name === name);
}

function findBuiltin(name: string, version?: string): Template | undefined {
  const versions = builtinTemplates
    .filter((one) => one.name === name)
    .sort((one, other) => compareVersions(other.version, one.version));
  return version === undefined ? versions[0] : versions.find((one) => one.version === version);
}

/** Templates as one call needs them: each is read once. */
export interface TemplateBook {
  /** A version's definition, retired or not; undefined when nobody knows it (any more). */
  definition(name: string, version: string): Promise<Template | undefined>;
  /** The newest version that may be used; undefined when there is none. */
  newest(name: string): Promise<Template | undefined>;
}

export function createTemplateBook(context: Context): TemplateBook {
  const read = new Map<string, Promise<Template | undefined>>();
  const once = (key: string, find: () => Promise<Template | undefined>) => {
    const found = read.get(key) ?? find();
    read.set(key, found);
    return found;
  };
  return {
    definition: (name, version) =>
      once(JSON.stringify([name, version]), () => readDefinition(context, name, version)),
    newest: (name) => once(name, () => readNewest(context, name)),
  };
}

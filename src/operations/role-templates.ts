import { builtinTemplates } from "../domain/builtin-templates.ts";
import { type Template, templateChecksum } from "../domain/role-template.ts";
import { compareVersions } from "../domain/semantic-version.ts";
import { templateWarnings } from "../domain/template-form.ts";
import { parseTemplate } from "../domain/template-parser.ts";
import {
  type Authorship,
  type StoredTemplate,
  unknownTemplate,
  withRetired,
  withVersion,
} from "../domain/template-versions.ts";
import { ServiceError } from "../errors.ts";
import type { Call, Context } from "./context.ts";
import { findTemplate, isBuiltin } from "./template-lookup.ts";
import type { TemplateStore } from "./template-store.ts";

/** A template without its definitions. `stored` is undefined of a built-in one. */
export interface TemplateEntry {
  readonly name: string;
  readonly builtin: boolean;
  readonly retired: boolean;
  /** The newest that may be used; null when there is none. */
  readonly latest: string | null;
  readonly versions: readonly TemplateEntryVersion[];
}

export interface TemplateEntryVersion {
  readonly version: string;
  readonly checksum: string;
  readonly retired: boolean;
  /** null of a built-in one. */
  readonly createdAt: Date | null;
  readonly createdBy: string | null;
}

export interface TemplateReading {
  readonly entry: TemplateEntry;
  readonly template: Template;
  readonly retired: boolean;
  readonly warnings: readonly string[];
}

export interface TemplateAddition extends TemplateReading {
  /** false when that version was there already, with the same content. */
  readonly created: boolean;
  readonly checksum: string;
}

export interface TemplateChange {
  readonly dryRun?: boolean;
}

/** The built-in templates and the custom ones, by name. */
export async function listRoleTemplates(
  context: Context,
  _call: Call,
  input: { readonly includeRetired?: boolean },
): Promise<readonly TemplateEntry[]> {
  const stored = (await context.templates?.list()) ?? [];
  const custom = stored.map(describeStored).filter((one) => input.includeRetired === true || !one.retired);
  return [...builtinEntries(), ...custom].sort((one, other) => (one.name < other.name ? -1 : 1));
}

/** One version; without one named, the newest that may be used. `not_found` (template). */
export async function readRoleTemplate(
  context: Context,
  _call: Call,
  input: { readonly name: string; readonly version?: string },
): Promise<TemplateReading> {
  const { template, retired } = await findTemplate(context, input.name, input.version);
  const stored = isBuiltin(input.name) ? undefined : await context.templates?.read(input.name);
  const entry =
    stored === undefined ? builtinEntries().find((one) => one.name === input.name) : describeStored(stored);
  if (entry === undefined) throw unknownTemplate(input.name);
  return { entry, template, retired, warnings: templateWarnings(template) };
}

/**
 * Adds a template (`new`) or a greater version of one (`next`), given in its JSON form. `validation_error` with every
 * fault; `conflict` when the name or the version is taken by something else. A dry run stores nothing.
 */
export async function addRoleTemplate(
  context: Context,
  call: Call,
  input: unknown,
  as: "new" | "next",
  { dryRun = false }: TemplateChange = {},
): Promise<TemplateAddition> {
  const template = parseTemplate(input, { allowedNativeRoles: call.allowedNativeRoles ?? [] });
  const store = changeable(context, template.name);
  const { changed, template: stored } = dryRun
    ? withVersion(await store.read(template.name), template, as, authorship(call))
    : await store.add(template, as, call.actor);
  if (changed && !dryRun)
    call.log.info("a role template was added", { template: template.name, version: template.version });
  const entry = describeStored(stored);
  const retired = entry.versions.find((one) => one.version === template.version)?.retired ?? false;
  const checksum = templateChecksum(template);
  return { created: changed, checksum, entry, template, retired, warnings: templateWarnings(template) };
}

/** Retires a version or all of a template: what was made by it is still read and compared. `not_found` (template). A dry run stores nothing. */
export async function retireRoleTemplate(
  context: Context,
  call: Call,
  { dryRun = false, ...input }: { readonly name: string; readonly version?: string } & TemplateChange,
): Promise<{ readonly changed: boolean; readonly entry: TemplateEntry }> {
  const store = changeable(context, input.name);
  const { changed, template } = dryRun
    ? withRetired(await store.read(input.name), input.name, input.version, authorship(call))
    : await store.retire(input.name, input.version, call.actor);
  if (changed && !dryRun)
    call.log.info("a role template was retired", { template: input.name, version: input.version });
  return { changed, entry: describeStored(template) };
}

function authorship({ actor }: Call): Authorship {
  return { author: actor, at: new Date() };
}

function changeable(context: Context, name: string): TemplateStore {
  if (isBuiltin(name)) {
    const because = `${name} is built in, and cannot be changed or retired`;
    throw new ServiceError("conflict", `${because}. Choose another name.`, {
      details: { because, template: name },
    });
  }
  if (context.templates !== undefined) return context.templates;
  throw new ServiceError("unavailable", "There is no store for templates here.");
}

function describeStored(stored: StoredTemplate): TemplateEntry {
  const all = stored.retiredAt !== null;
  const versions = stored.versions.map(({ version, checksum, retiredAt, createdAt, createdBy }) => ({
    version,
    checksum,
    createdAt,
    createdBy,
    retired: all || retiredAt !== null,
  }));
  const latest = versions.find((one) => !one.retired)?.version ?? null;
  return { name: stored.name, builtin: false, retired: latest === null, latest, versions };
}

function builtinEntries(): TemplateEntry[] {
  const names = [...new Set(builtinTemplates.map((one) => one.name))];
  return names.map((name) => {
    const versions = builtinTemplates
      .filter((one) => one.name === name)
      .sort((one, other) => compareVersions(other.version, one.version))
      .map((one) => ({
        version: one.version,
        checksum: templateChecksum(one),
        retired: false,
        createdAt: null,
        createdBy: null,
      }));
    return { name, builtin: true, retired: false, latest: versions[0]?.version ?? null, versions };
  });
}

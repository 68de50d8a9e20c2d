import { notFound, ServiceError } from "../errors.ts";
import { type Template, templateChecksum } from "./role-template.ts";
import { compareVersions } from "./semantic-version.ts";

/** What is known of one version of a template beside its definition. */
export interface TemplateVersion {
  readonly version: string;
  /** SHA-256 (hex) of all of its content. */
  readonly checksum: string;
  readonly createdAt: Date;
  readonly createdBy: string;
  /** null while it may be used. */
  readonly retiredAt: Date | null;
  readonly retiredBy: string | null;
}

export interface StoredTemplate {
  readonly name: string;
  readonly createdAt: Date;
  readonly createdBy: string;
  readonly updatedAt: Date;
  /** null while it may be used; a retired template has no version that may be. */
  readonly retiredAt: Date | null;
  readonly retiredBy: string | null;
  /** At least one, the newest first. */
  readonly versions: readonly TemplateVersion[];
}

export interface TemplateWrite {
  /** false when it was like that before. */
  readonly changed: boolean;
  readonly template: StoredTemplate;
}

/** Who changes templates, and when. */
export interface Authorship {
  readonly author: string;
  readonly at: Date;
}

/** What a store has to hold after a version was added; pure. `conflict`, `not_found` (template). */
export function withVersion(
  before: StoredTemplate | undefined,
  template: Template,
  as: "new" | "next",
  { author, at }: Authorship,
): TemplateWrite {
  const { name, version } = template;
  const checksum = templateChecksum(template);
  if (before === undefined && as === "next") throw unknownTemplate(name);
  const same = before?.versions.find((one) => one.version === version);
  if (before !== undefined && same?.checksum === checksum) {
    // An attempt whose answer was lost: it was this one that made it.
    const mine = same.createdAt.getTime() === at.getTime() && same.createdBy === author;
    return { changed: mine, template: before };
  }
  if (same !== undefined)
    throw refuse(name, `version ${version} has another content already, and a version never changes`);
  if (before !== undefined && as === "new")
    throw refuse(name, "there is one of that name already; add a version to it, or choose another name");
  if (before?.retiredAt != null) throw refuse(name, "it is retired, and takes no new versions");
  const [newest] = before?.versions ?? [];
  if (newest !== undefined && compareVersions(version, newest.version) <= 0)
    throw refuse(name, `its newest version is ${newest.version}, and ${version} is not greater`);
  const added = { version, checksum, createdAt: at, createdBy: author, retiredAt: null, retiredBy: null };
  const first = { name, createdAt: at, createdBy: author, retiredAt: null, retiredBy: null };
  const versions = [added, ...(before?.versions ?? [])];
  return { changed: true, template: { ...(before ?? first), updatedAt: at, versions } };
}

/** What a store has to hold after a version, or all of a template, was retired; pure. `not_found` (template). */
export function withRetired(
  before: StoredTemplate | undefined,
  name: string,
  version: string | undefined,
  { author, at }: Authorship,
): TemplateWrite {
  if (before === undefined) throw unknownTemplate(name);
  const retired = { retiredAt: at, retiredBy: author };
  if (version === undefined) {
    if (before.retiredAt !== null) return { changed: false, template: before };
    return { changed: true, template: { ...before, ...retired, updatedAt: at } };
  }
  const known = before.versions.find((one) => one.version === version);
  if (known === undefined) throw unknownTemplate(name, version);
  if (known.retiredAt !== null) return { changed: false, template: before };
  const mark = (one: TemplateVersion): TemplateVersion => (one === known ? { ...one, ...retired } : one);
  return {
    changed: true,
    template: { ...before, updatedAt: at, versions: before.versions.map(mark) },
  };
}

function refuse(name: string, because: string): ServiceError {
  return new ServiceError("conflict", `Template ${name} is not changed: ${because}.`, {
    details: { because, template: name },
  });
}

export function unknownTemplate(name: string, version?: string): ServiceError {
  const what = version === undefined ? "" : `version ${JSON.stringify(version)} of `;
  return notFound(
    "template",
    `There is no ${what}template ${JSON.stringify(name)}; see /role-templates/list.`,
    {
      template: name,
      ...(version === undefined ? {} : { version }),
    },
  );
}

import { ServiceError } from "../errors.ts";
import { at, createFaultList, type FaultList } from "./fault-list.ts";
import { identifierFault } from "./names.ts";
import { guardedNativeRoles, nativeRoleNames } from "./native-roles.ts";
import type { RoleTemplate, Template } from "./role-template.ts";
import { versionPattern } from "./semantic-version.ts";
import { parseColumnGrants, parseGrants } from "./template-grants-parser.ts";
import { checkRolesTogether } from "./template-graph.ts";
import { defaultPatternOf, namePatternFault } from "./template-names.ts";

export interface TemplatePolicy {
  /** Those of the guarded predefined roles that whoever writes the template may hand on. */
  readonly allowedNativeRoles: readonly string[];
}

/** A name that a template can have; any other is that of none. */
export const templateName = /^[a-z][a-z0-9_]{0,62}$/;
const kindName = /^[a-z][a-z0-9_]{0,39}$/;
const roleFields = [
  "kind",
  "scope",
  "purpose",
  "name_pattern",
  "inherits",
  "native_roles",
  "attributes",
  "grants",
  "column_grants",
  "extensions",
];

/** Attributes that any role of a template has anyway; it can have no other. */
const givenAttributes = ["NOLOGIN", "INHERIT"];

/**
 * A template from its JSON form. Throws one `validation_error` with every fault, each with its JSON pointer.
 * It holds names and words from fixed lists, never SQL.
 */
export function parseTemplate(input: unknown, policy: TemplatePolicy): Template {
  const list = createFaultList();
  const fields = list.object("", input, ["name", "version", "description", "roles"]);
  const name = list.text("/name", fields.name, (text) =>
    templateName.test(text)
      ? undefined
      : "must be 1 to 63 lower-case letters, digits and underscores, a letter in front",
  );
  const version = list.text("/version", fields.version, (text) =>
    versionPattern.test(text) ? undefined : "must be a semantic version such as 1.0.0",
  );
  const description = parseWords(list, "/description", fields.description, 1000);
  const inputs = list.list("/roles", fields.roles, { least: 1, most: 50 });
  const roles = inputs.map((one, index) => parseRole(list, at("/roles", index), one, policy));
  const template = { name, version, description, exactNames: false, roles };
  checkRolesTogether(list, template);
  throwFaults(list);
  return template;
}

function throwFaults({ faults }: FaultList): void {
  if (faults.length === 0) return;
  const words = faults.map(({ pointer, detail }) => `${pointer.slice(1)} ${detail}`).join("; ");
  throw new ServiceError("validation_error", words, { faults });
}

function parseRole(list: FaultList, pointer: string, input: unknown, policy: TemplatePolicy): RoleTemplate {
  const fields = list.object(pointer, input, roleFields);
  const kind = list.text(at(pointer, "kind"), fields.kind, (text) =>
    kindName.test(text)
      ? undefined
      : "must be 1 to 40 lower-case letters, digits and underscores, a letter in front",
  );
  const scope = fields.scope === "database" ? "database" : "schema";
  if (fields.scope !== scope) list.add(at(pointer, "scope"), "must be schema or database");
  const { name_pattern: pattern = defaultPatternOf(scope) } = fields;
  checkAttributes(list, at(pointer, "attributes"), fields.attributes);
  return {
    kind,
    scope,
    purpose: parseWords(list, at(pointer, "purpose"), fields.purpose, 200),
    namePattern: list.text(at(pointer, "name_pattern"), pattern, (text) => namePatternFault(text, scope)),
    inherits: parseNames(list, at(pointer, "inherits"), fields.inherits, (text) =>
      kindName.test(text) ? undefined : "must be the kind of another role of this template",
    ),
    nativeRoles: parseNames(list, at(pointer, "native_roles"), fields.native_roles, (text) =>
      nativeRoleFault(text, policy),
    ),
    grants: parseGrants(list, at(pointer, "grants"), fields.grants, scope),
    columnGrants: parseColumnGrants(list, at(pointer, "column_grants"), fields.column_grants),
    extensions: parseNames(list, at(pointer, "extensions"), fields.extensions, identifierFault),
  };
}

function parseWords(list: FaultList, pointer: string, value: unknown, most: number): string {
  return list.text(pointer, value ?? "", (text) =>
    text.length > most || /\p{Cc}|\p{Cs}/u.test(text)
      ? `must be one line of at most ${most} characters`
      : undefined,
  );
}

function parseNames(
  list: FaultList,
  pointer: string,
  value: unknown,
  fault: (text: string) => string | undefined,
): string[] {
  const seen = new Set<unknown>();
  return list.list(pointer, value, { most: 50 }).map((one, index) => {
    if (seen.has(one)) list.add(at(pointer, index), "is there twice");
    seen.add(one);
    return list.text(at(pointer, index), one, fault);
  });
}

function nativeRoleFault(name: string, { allowedNativeRoles }: TemplatePolicy): string | undefined {
  if (!nativeRoleNames.includes(name))
    return `is not a predefined role that a template may name; those are ${nativeRoleNames.join(", ")}`;
  if (!guardedNativeRoles.includes(name) || allowedNativeRoles.includes(name)) return undefined;
  return "reaches beyond any schema, and your policy does not allow it by name (allowed native roles); grant on objects instead";
}

function checkAttributes(list: FaultList, pointer: string, value: unknown): void {
  for (const [index, one] of list.list(pointer, value, { most: 20 }).entries()) {
    if (typeof one === "string" && givenAttributes.includes(one)) continue;
    const name = typeof one === "string" ? one.slice(0, 40) : "this";
    list.add(
      at(pointer, index),
      `${name} is refused: a role of a template is a group without attributes (${givenAttributes.join(", ")})`,
    );
  }
}

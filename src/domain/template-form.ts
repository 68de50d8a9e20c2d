import { standardTemplate } from "./builtin-templates.ts";
import { managedRoleName } from "./managed-role.ts";
import {
  defaultTypes,
  futurePrivileges,
  grantedOn,
  kindsOfDefaultType,
  largeObjectDefaultsSince,
  type objectKinds,
  type RoleTemplate,
  sinceMajor,
  type Template,
} from "./role-template.ts";

/** The JSON form of a template: what `parseTemplate` reads. */
export function formatTemplate({ name, version, description, roles }: Template) {
  return { name, version, description, roles: roles.map(formatRole) };
}

function formatRole(role: RoleTemplate) {
  return {
    kind: role.kind,
    scope: role.scope,
    purpose: role.purpose,
    name_pattern: role.namePattern,
    inherits: role.inherits,
    native_roles: role.nativeRoles,
    grants: role.grants.map(({ on, privileges, existing, future }) => ({ on, privileges, existing, future })),
    column_grants: role.columnGrants.map(({ table, columns, privileges }) => ({
      table,
      columns,
      privileges,
    })),
    extensions: role.extensions,
  };
}

/** What a template says that PostgreSQL cannot do, or not everywhere. None of it is wrong. */
export function templateWarnings(template: Template): string[] {
  const warnings = template.roles.flatMap((role) => [
    ...uncoveredFuture(role),
    ...newPrivileges(role),
    ...collisions(template, role),
  ]);
  return [...new Set(warnings)];
}

/** Default privileges on tables are also those on views: what a definition gives on some of them only, they can't give. */
function uncoveredFuture(role: RoleTemplate): string[] {
  return defaultTypes.flatMap((type) => {
    const kinds = kindsOfDefaultType[type];
    const covered = futurePrivileges(role, type);
    return kinds.flatMap((kind) => {
      const lost = grantedOn(role, kind, "future").filter((one) => !covered.includes(one));
      if (lost.length === 0) return [];
      const others = kinds.filter(
        (one) => one !== kind && lost.some((p) => !grantedOn(role, one, "future").includes(p)),
      );
      return [
        `${role.kind}: ${lost.join(", ")} on a future ${plain(kind)} is not granted when it is made: PostgreSQL's default ` +
          `privileges cannot tell it from a future ${others.map(plain).join(" or ")}, where the template does not grant it. ` +
          "Grant the same on each of them, or apply the template again after such objects were made.",
      ];
    });
  });
}

function newPrivileges(role: RoleTemplate): string[] {
  const used = [...new Set(role.grants.flatMap((grant) => grant.privileges))];
  const warnings = used
    .filter((privilege) => sinceMajor(privilege) > 0)
    .map((privilege) => `${role.kind}: ${privilege} is left out before PostgreSQL ${sinceMajor(privilege)}.`);
  if (grantedOn(role, "large_object", "future").length > 0)
    warnings.push(
      `${role.kind}: large objects that are made later are covered from PostgreSQL ${largeObjectDefaultsSince} on, and only those ` +
        "of roles that can create in a schema to which the template was applied; before, apply the template again.",
    );
  return warnings;
}

function collisions(template: Template, role: RoleTemplate): string[] {
  if (template.name === standardTemplate.name) return [];
  const nameOf = (of: Template, one: RoleTemplate): string => managedRoleName(of, one, "database", "schema");
  const same = standardTemplate.roles.find((one) => nameOf(standardTemplate, one) === nameOf(template, role));
  return same === undefined
    ? []
    : [
        `${role.kind}: its name is that of ${same.kind} of the template standard, so that a schema can have one of the two ` +
          "only. Another kind, or a name_pattern with {template}, keeps them apart.",
      ];
}

function plain(kind: (typeof objectKinds)[number]): string {
  return kind.replaceAll("_", " ");
}

import type { ExplainedPath, ExplainResult } from "../../operations/explain.ts";
import type { components } from "../contract.d.ts";
import { counted } from "../plan-answer.ts";
import type { Handlers, Input } from "../typed.ts";
import type { HandlerContext } from "./handler-context.ts";

export function explainHandlers({ context, operations }: HandlerContext): Pick<Handlers, "explainPrivilege"> {
  return {
    async explainPrivilege(input, call) {
      const grantOption = input.with_grant_option ?? false;
      const result = await operations.explainPrivilege(context, call, call.target, {
        ...(input.principal === undefined ? {} : { principal: input.principal }),
        privilege: input.privilege,
        objectType: input.object_type,
        object: input.object,
        grantOption,
      });
      return {
        message: messageOf(input, result),
        privilege: result.privilege,
        with_grant_option: grantOption,
        object_type: input.object_type,
        object: input.object,
        principal: result.principal,
        allowed: result.allowed,
        paths: result.paths.map(pathFields),
        paths_truncated: result.pathsTruncated,
        set_roles: result.setRoles,
        schema_usage: result.schemaUsage,
        ...(result.principals === undefined ? {} : { principals: result.principals.map(principalFields) }),
      };
    },
  };
}

function messageOf(input: Input<"explainPrivilege">, result: ExplainResult): string {
  const { principal, privilege, allowed, paths, pathsTruncated, principals = [] } = result;
  const what = `${privilege} on ${input.object_type} ${input.object}`;
  if (principal === null) return `${what}: ${principals.length} may`;
  if (!allowed) return `${principal} does not have ${what}`;
  const number = `${pathsTruncated ? "more than " : ""}${counted(paths.length, "path")}`;
  return `${principal} has ${what}, by ${number}`;
}

function principalFields({
  principal,
  canLogin,
  schemaUsage,
  path,
}: NonNullable<ExplainResult["principals"]>[number]): components["schemas"]["AllowedPrincipal"] {
  return { principal, can_login: canLogin, schema_usage: schemaUsage, path: pathFields(path) };
}

function pathFields({ kind, via, holder, grantedOn, grantors }: ExplainedPath) {
  return { kind, via, holder, granted_on: grantedOn, grantors };
}

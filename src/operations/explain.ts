import {
  type Explanation,
  explainPrincipal,
  findHoldings,
  listAllowed,
  type PrivilegePath,
  publicOid,
} from "../domain/explain.ts";
import { type RoleGraph, reachFrom } from "../domain/explain-graph.ts";
import {
  type ExplainableType,
  normalizeArguments,
  type ObjectName,
  parseObjectName,
  parsePrivilege,
} from "../domain/explain-object.ts";
import { parseUsername } from "../domain/iam-user.ts";
import { identifierFault, isSystemRole } from "../domain/names.ts";
import type { Target } from "../domain/target.ts";
import { invalidField, notFound } from "../errors.ts";
import { type FoundObject, readGrantedObjects, readRoleGraph } from "../postgres/reads/explain.ts";
import type { Session } from "../postgres/session.ts";
import { sweepBeforeRead } from "./access-sweep.ts";
import type { Call, Context } from "./context.ts";

export interface ExplainInput {
  /** A role, an e-mail address of an IAM user, or `public`; all who are allowed when missing. */
  readonly principal?: string;
  readonly privilege: string;
  readonly objectType: ExplainableType;
  readonly object: string;
  /** Ask for the right to grant it on. */
  readonly grantOption?: boolean;
}

/** A membership on the way. */
export interface ExplainedStep {
  readonly role: string;
  readonly member: string;
  readonly inherit: boolean;
  readonly set: boolean;
  readonly admin: boolean;
  readonly grantors: readonly string[];
  /** PostgreSQL implies it; nobody granted it. */
  readonly implied: boolean;
}

export interface ExplainedPath {
  readonly kind: PrivilegePath["kind"];
  readonly via: readonly ExplainedStep[];
  /** Who holds the privilege at the end of the way; `public` is everybody. */
  readonly holder: string;
  readonly grantedOn: ExplainableType;
  readonly grantors: readonly string[];
}

export interface ExplainedPrincipal {
  readonly principal: string;
  readonly canLogin: boolean;
  /** Whether it has USAGE on the schema, without which it cannot name the object; null where there is no schema. */
  readonly schemaUsage: boolean | null;
  readonly path: ExplainedPath;
}

export interface ExplainResult {
  readonly privilege: string;
  /** As PostgreSQL knows it; null when none was asked for. */
  readonly principal: string | null;
  /** With a principal, whether it has the privilege; without, whether anybody has. */
  readonly allowed: boolean;
  readonly paths: readonly ExplainedPath[];
  readonly pathsTruncated: boolean;
  readonly setRoles: readonly string[];
  readonly schemaUsage: boolean | null;
  /** Only without a principal. */
  readonly principals?: readonly ExplainedPrincipal[];
}

/**
 * Whether and how a principal has a privilege on an object; without a principal, who has it. Agrees with PostgreSQL's
 * has_*_privilege functions. Three queries. `not_found` (object, database, schema or role); `validation_error` for a
 * privilege that such objects do not have, and for a function's name that several functions share.
 */
export async function explainPrivilege(
  context: Context,
  call: Call,
  target: Target,
  input: ExplainInput,
): Promise<ExplainResult> {
  const due = sweepBeforeRead(context, call, target);
  if (due !== undefined) await due;
  const name = parseObjectName(input.objectType, input.object);
  const principal = input.principal === undefined ? undefined : parsePrincipal(input.principal);
  parsePrivilege(name.type, input.privilege, anyMajor);
  return context.pools.withSession(target, call, async (session) => {
    const major = Math.floor(session.versionNum / 10_000);
    const privilege = parsePrivilege(name.type, input.privilege, major);
    const [found, graph] = await Promise.all([readGrantedObjects(session, name), readRoleGraph(session)]);
    const chosen = chooseObject(session, name, found);
    const holdings = findHoldings(graph, chosen.object, {
      privilege,
      grantOption: input.grantOption ?? false,
    });
    const answer: Answering = { graph, type: name.type, usage: schemaUsage(graph, chosen) };
    if (principal === undefined) return { privilege, ...everybody(answer, listAllowed(graph, holdings)) };
    const oid = findRole(graph, principal);
    return { privilege, ...onePrincipal(answer, oid, explainPrincipal(graph, holdings, oid)) };
  });
}

/** A later major than any: knows every privilege. */
const anyMajor = 99;

interface Answering {
  readonly graph: RoleGraph;
  readonly type: ExplainableType;
  readonly usage: (oid: number) => boolean | null;
}

type Findings = Omit<ExplainResult, "privilege">;

function onePrincipal({ graph, type, usage }: Answering, oid: number, explained: Explanation): Findings {
  return {
    principal: nameOf(graph, oid),
    allowed: explained.allowed,
    paths: explained.paths.map((path) => describePath(graph, type, path)),
    pathsTruncated: explained.truncated,
    setRoles: explained.setRoles.map((role) => nameOf(graph, role)).sort(),
    schemaUsage: usage(oid),
  };
}

function everybody({ graph, type, usage }: Answering, allowed: ReturnType<typeof listAllowed>): Findings {
  return {
    principal: null,
    allowed: allowed.length > 0,
    paths: [],
    pathsTruncated: false,
    setRoles: [],
    schemaUsage: null,
    principals: allowed.map(({ principal, path }) => ({
      principal: nameOf(graph, principal),
      canLogin: graph.role(principal)?.canLogin ?? false,
      schemaUsage: usage(principal),
      path: describePath(graph, type, path),
    })),
  };
}

function describePath(graph: RoleGraph, type: ExplainableType, path: PrivilegePath): ExplainedPath {
  return {
    kind: path.kind,
    via: path.via.map((edge) => ({
      ...edge,
      role: nameOf(graph, edge.role),
      member: nameOf(graph, edge.member),
    })),
    holder: nameOf(graph, path.holder),
    grantedOn: type === "column" && path.grantedOn === "object" ? "table" : type,
    grantors: path.grantors.map((oid) => nameOf(graph, oid)),
  };
}

function nameOf(graph: RoleGraph, oid: number): string {
  // A grantor may be gone since the ACL was read.
  return oid === publicOid ? "public" : (graph.role(oid)?.name ?? String(oid));
}

/** Answers who has USAGE on the object's schema. */
function schemaUsage(graph: RoleGraph, { schema }: FoundObject): (oid: number) => boolean | null {
  if (schema === undefined) return () => null;
  const holders = findHoldings(graph, schema, { privilege: "USAGE", grantOption: false }).map(
    ({ holder }) => holder,
  );
  const users = reachFrom(graph, holders, "inherit");
  return (oid) => users.has(publicOid) || users.has(oid) || graph.role(oid)?.isSuperuser === true;
}

/** The names that a role may have: unlike a username, any role's as it stands, the system's included. */
function parsePrincipal(value: string): readonly string[] {
  const fault = identifierFault(value);
  if (fault === undefined && isSystemRole(value) && !value.includes("@")) return [value];
  const { normalized } = parseUsername("principal", value);
  return fault === undefined ? [value, normalized] : [normalized];
}

function findRole(graph: RoleGraph, names: readonly string[]): number {
  // No role can be called `public`: PostgreSQL refuses the name.
  if (names.includes("public")) return publicOid;
  for (const name of names) {
    const role = graph.find(name);
    if (role !== undefined) return role.oid;
  }
  const name = names.at(-1);
  throw notFound("role", `There is no role ${JSON.stringify(name)} on this instance.`, { principal: name });
}

function chooseObject(session: Session, name: ObjectName, found: readonly FoundObject[]): FoundObject {
  const fitting =
    name.type === "function" && name.arguments !== undefined
      ? found.filter((one) => takes(one, name.arguments))
      : found;
  const [first, second] = fitting;
  if (first === undefined) throw noObject(session, name, found);
  if (second === undefined) return first;
  const signatures = fitting.map(({ signature }) => `(${signature})`).join(", ");
  throw invalidField("object", `names several functions: add the types of the arguments, ${signatures}`);
}

function takes({ signature, identity }: FoundObject, types: string | undefined): boolean {
  return [signature, identity].some((known) => known !== null && normalizeArguments(known) === types);
}

function noObject(session: Session, name: ObjectName, found: readonly FoundObject[]) {
  const resource = name.type === "database" || name.type === "schema" ? name.type : "object";
  const { type, ...parts } = name;
  const candidates = found.flatMap(({ signature }) => (signature === null ? [] : [`(${signature})`]));
  return notFound(
    resource,
    `There is no such ${type} in database ${JSON.stringify(session.target.database)}.`,
    { object_type: type, ...parts, ...(candidates.length > 0 ? { known_arguments: candidates } : {}) },
  );
}

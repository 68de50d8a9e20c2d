import { matchesPlace, type Place, type TargetPattern } from "./target-pattern.ts";

/** What a binding gives, least first: who has one of them has those before it as well. */
export const policyRoles = ["viewer", "operator", "admin"] as const;
export type PolicyRole = (typeof policyRoles)[number];

export type PrincipalKind = "user" | "serviceAccount" | "domain" | "group" | "anonymous";

/** Whom a binding is for; `name` is in lower case, and empty for `anonymous`. */
export interface PolicyPrincipal {
  readonly kind: PrincipalKind;
  readonly name: string;
}

/** Temporary access: who may approve what is asked for, and for how long it is given at most. */
export interface TemporaryAccess {
  readonly approvers: readonly PolicyPrincipal[];
  readonly maxDurationMs: number;
}

export interface Binding {
  readonly principals: readonly PolicyPrincipal[];
  readonly role: PolicyRole;
  readonly targets: readonly TargetPattern[];
  /** The kinds of roles that may be given and taken; undefined: every one. */
  readonly roleKinds?: readonly string[];
  /** Predefined roles of PostgreSQL that the caller's templates may name. */
  readonly nativeRoles: readonly string[];
  readonly access?: TemporaryAccess;
}

export interface Policy {
  readonly bindings: readonly Binding[];
}

/** Nobody may do anything. */
export const emptyPolicy: Policy = Object.freeze({ bindings: [] });

export interface PolicyCaller {
  /** The verified e-mail address in lower case. */
  readonly name: string;
  readonly kind: "user" | "service_account" | "anonymous";
  /** The Workspace or Cloud Identity domain that the account belongs to, where its token says so. */
  readonly domain?: string | undefined;
}

export interface Question {
  readonly caller: PolicyCaller;
  readonly role: PolicyRole;
  readonly place: Place;
  /** What a missing part of the place stands for. */
  readonly missing: "all" | "any";
}

/** Whether the caller is in a group; undefined while that is not known. */
export type KnownMembership = (group: string) => boolean | undefined;

export interface Decision {
  readonly allowed: boolean;
  /** Undefined: every kind. */
  readonly roleKinds: readonly string[] | undefined;
  readonly nativeRoles: readonly string[];
  /** Groups that it depends on and of which nothing is known: without them it is no decision yet. */
  readonly undecided: readonly string[];
}

/** Decides by the bindings that give the role, or more, at the place. What none of them allows is not allowed. */
export function decide(policy: Policy, question: Question, isMember: KnownMembership): Decision {
  const { caller, place, missing } = question;
  const needed = policyRoles.indexOf(question.role);
  const kinds = new Set<string>();
  const natives = new Set<string>();
  const open: [binding: Binding, groups: readonly string[]][] = [];
  let allowed = false;
  let everyKind = false;
  for (const binding of policy.bindings) {
    if (policyRoles.indexOf(binding.role) < needed) continue;
    if (!binding.targets.some((pattern) => matchesPlace(pattern, place, missing))) continue;
    const bound = isBound(binding, caller, isMember);
    if (typeof bound !== "boolean") open.push([binding, bound]);
    if (bound !== true) continue;
    allowed = true;
    if (binding.roleKinds === undefined) everyKind = true;
    for (const kind of binding.roleKinds ?? []) kinds.add(kind);
    for (const native of binding.nativeRoles) natives.add(native);
  }
  const addsNothing = ({ roleKinds, nativeRoles }: Binding): boolean =>
    allowed &&
    (everyKind || (roleKinds?.every((kind) => kinds.has(kind)) ?? false)) &&
    nativeRoles.every((native) => natives.has(native));
  const undecided = open.flatMap(([binding, groups]) => (addsNothing(binding) ? [] : groups));
  return {
    allowed,
    roleKinds: everyKind || !allowed ? undefined : [...kinds],
    nativeRoles: [...natives],
    undecided: [...new Set(undecided)],
  };
}

/** Whether the binding is for the caller, or the groups that this depends on. */
function isBound(binding: Binding, caller: PolicyCaller, isMember: KnownMembership): boolean | string[] {
  const open: string[] = [];
  for (const { kind, name } of binding.principals) {
    if (kind === "group") {
      const member = caller.kind === "anonymous" ? false : isMember(name);
      if (member === true) return true;
      if (member === undefined) open.push(name);
    } else if (isCaller(kind, name, caller)) return true;
  }
  return open.length > 0 && open;
}

/** Whether a principal that is no group is this caller. */
export function isCaller(kind: PrincipalKind, name: string, caller: PolicyCaller): boolean {
  if (kind === "user") return caller.kind === "user" && caller.name === name;
  if (kind === "serviceAccount") return caller.kind === "service_account" && caller.name === name;
  if (kind === "domain") return caller.kind === "user" && caller.domain === name;
  return kind === "anonymous" && caller.kind === "anonymous";
}

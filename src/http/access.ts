import {
  type Decision,
  decide,
  isCaller,
  type Policy,
  type PolicyCaller,
  type PolicyPrincipal,
} from "../domain/policy.ts";
import { matchesPlace, type Place } from "../domain/target-pattern.ts";
import { ServiceError } from "../errors.ts";
import type { AccessRule } from "../operations/context.ts";
import { type Groups, noGroups } from "../operations/groups.ts";
import type { LivePolicy } from "../operations/policy.ts";
import type { Caller } from "./caller.ts";
import type { Permission } from "./permissions.ts";

/** What a caller wants to do, and where. */
export interface Wish {
  readonly caller: Caller;
  readonly permission: Permission;
  readonly place: Place;
}

/** What comes with being allowed; see `Call`. */
export interface Grant {
  readonly allowedRoleKinds?: readonly string[];
  readonly allowedNativeRoles?: readonly string[];
}

export interface Access {
  /**
   * Whether the wish is allowed, at once when that was decided before. Throws or rejects with a ServiceError:
   * `permission_error` when it is not, `unavailable` when that cannot be said now.
   */
  authorize(wish: Wish): Grant | Promise<Grant>;
  /** The rules on temporary access by which `requester` may ask at the place, and whether the caller approves by them. */
  rulesFor?(caller: Caller, requester: PolicyCaller, place: Place): Promise<readonly AccessRule[]>;
  /** What is wrong with the policy, for the health of the service. */
  warnings(): readonly string[];
}

export interface AccessOptions {
  /** Whether callers have to say who they are (AUTH_MODE). Then nobody is anonymous who may do anything. */
  readonly asksWhoCalls?: boolean;
  /** Absent: nobody may do anything, but for who is anonymous where nobody is asked who they are. */
  readonly policy?: LivePolicy | undefined;
  readonly groups?: Groups;
  /** For how long a decision that depends on groups is believed. */
  readonly groupTtlMs?: number;
  readonly now?: () => number;
}

/** For one policy; with another one, all of them are forgotten. */
interface Remembered {
  readonly grant: Grant | undefined;
  readonly until: number;
}

const maxRemembered = 20_000;
const everything: Grant = Object.freeze({});

/** Everybody may do everything: for measurements, and for tests of something else. */
export const openAccess: Access = { authorize: () => everything, warnings: () => [] };

/** Decides by the policy, and remembers what it decided until the policy changes. */
export function createAccess(options: AccessOptions): Access {
  const { policy, groups = noGroups, groupTtlMs = 60_000 } = options;
  const now = options.now ?? performance.now.bind(performance);
  const remembered = new Map<string, Remembered>();
  let decidedBy: Policy | undefined;

  function remember(key: string, made: Remembered): Grant | undefined {
    remembered.delete(key);
    if (remembered.size >= maxRemembered) remembered.delete(remembered.keys().next().value ?? "");
    remembered.set(key, made);
    return made.grant;
  }

  function answer(wish: Wish): Grant | Promise<Grant> {
    const inForce = policy?.current();
    if (inForce === undefined) throw undecidable();
    if (inForce !== decidedBy) {
      remembered.clear();
      decidedBy = inForce;
    }
    const key = keyOf(wish);
    const before = remembered.get(key);
    if (before !== undefined && before.until > now()) return allowed(before.grant, wish);
    const decision = ask(inForce, wish, new Map());
    if (decision.undecided.length > 0) return answerByGroups(inForce, wish, key);
    return allowed(remember(key, { grant: grantOf(decision), until: Number.POSITIVE_INFINITY }), wish);
  }

  async function isAmong(principals: readonly PolicyPrincipal[], who: PolicyCaller): Promise<boolean> {
    for (const { kind, name } of principals) {
      if (kind !== "group") {
        if (isCaller(kind, name, who)) return true;
      } else if (who.kind !== "anonymous" && (await groups.isMember(name, who.name))) return true;
    }
    return false;
  }

  async function answerByGroups(inForce: Policy, wish: Wish, key: string): Promise<Grant> {
    const until = now() + groupTtlMs;
    const known = new Map<string, boolean>();
    let decision = ask(inForce, wish, known);
    while (decision.undecided.length > 0) {
      const answers = decision.undecided.map(async (group) => {
        known.set(group, await groups.isMember(group, wish.caller.name));
      });
      await Promise.all(answers);
      decision = ask(inForce, wish, known);
    }
    const grant = grantOf(decision);
    if (inForce === decidedBy) remember(key, { grant, until });
    return allowed(grant, wish);
  }

  return {
    authorize(wish) {
      if (policy === undefined) {
        // Where nobody is asked who they are, the service listens to this machine only.
        const isOwner = wish.caller.kind === "anonymous" && options.asksWhoCalls !== true;
        return allowed(isOwner ? everything : undefined, wish, withoutPolicy);
      }
      return policy.isFresh() ? answer(wish) : policy.refresh().then(() => answer(wish));
    },
    async rulesFor(caller, requester, place) {
      if (policy === undefined) return [];
      if (!policy.isFresh()) await policy.refresh();
      const inForce = policy.current();
      if (inForce === undefined) throw undecidable();
      const rules: AccessRule[] = [];
      for (const { access, targets, principals, roleKinds } of inForce.bindings) {
        if (access === undefined) continue;
        if (!targets.some((pattern) => matchesPlace(pattern, place, "all"))) continue;
        if (!(await isAmong(principals, requester))) continue;
        const approves = await isAmong(access.approvers, caller);
        rules.push({ roleKinds, maxDurationMs: access.maxDurationMs, approves });
      }
      return rules;
    },
    warnings: () => policy?.warnings() ?? [],
  };
}

const withoutPolicy = "; this service has no policy, so that nobody may do anything";

/** No field but the last can hold a line feed: names of callers and permissions, and parts of a checked target. */
function keyOf({ caller, permission, place }: Wish): string {
  const { project = "", region = "", instance = "", database } = place;
  const who = `${caller.kind} ${caller.name} ${caller.domain ?? ""}`;
  const where = `${project}/${region}/${instance}${database === undefined ? "" : `/${database}`}`;
  return `${who}\n${permission.role} ${permission.on === "any"}\n${where}`;
}

function ask(
  policy: Policy,
  { caller, permission, place }: Wish,
  known: ReadonlyMap<string, boolean>,
): Decision {
  const missing = permission.on === "any" ? "any" : "all";
  return decide(policy, { caller, role: permission.role, place, missing }, (group) => known.get(group));
}

function grantOf(decision: Decision): Grant | undefined {
  if (!decision.allowed) return undefined;
  return {
    ...(decision.roleKinds === undefined ? {} : { allowedRoleKinds: decision.roleKinds }),
    allowedNativeRoles: decision.nativeRoles,
  };
}

function allowed(grant: Grant | undefined, { caller, permission, place }: Wish, because = ""): Grant {
  if (grant !== undefined) return grant;
  const where = describePlace(place, permission);
  throw new ServiceError(
    "permission_error",
    `${caller.name} lacks the permission ${permission.name} on ${where}: it comes with the role ${permission.role}${because}`,
    { details: { permission: permission.name, required_role: permission.role, target: where } },
  );
}

/** The place as the caller named it, in the form of the policy's patterns. */
export function describePlace({ project, region, instance, database }: Place, { on }: Permission): string {
  const parts = [project, region, instance, database];
  if (parts.every((part) => part === undefined)) return on === "any" ? "any target" : "all targets (*)";
  return parts.map((part) => part ?? "*").join("/");
}

function undecidable(): ServiceError {
  return new ServiceError("unavailable", "The policy that says who may do what cannot be read now", {
    retryAfterS: 5,
    details: { source: "policy" },
  });
}

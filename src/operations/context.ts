import type { PolicyCaller } from "../domain/policy.ts";
import type { Place } from "../domain/target-pattern.ts";
import type { Log } from "../log.ts";
import type { Pools } from "../postgres/session.ts";
import type { AccessStore } from "./access-store.ts";
import type { CloudServices } from "./cloud-services.ts";
import type { Groups } from "./groups.ts";
import type { Registry } from "./registry.ts";
import type { SharedReads } from "./shared-reads.ts";
import type { TemplateStore } from "./template-store.ts";

/** Temporary access: where it is kept, and the time that it ends by, in epoch milliseconds. */
export interface Accesses {
  readonly store: AccessStore;
  readonly now: () => number;
  /** Who is in an IAM group; absent: that is not known, so that no group gets access. */
  readonly groups?: Groups;
  /** Whether anything may be granted in a region; absent: in every one. */
  readonly mayGrantIn?: (region: string) => boolean;
}

/** A rule of the policy on temporary access. */
export interface AccessRule {
  /** Undefined: every kind. */
  readonly roleKinds: readonly string[] | undefined;
  readonly maxDurationMs: number;
  /** Whether the caller may approve by it. */
  readonly approves: boolean;
}

/** What the policy says on temporary access. */
export interface AccessPolicy {
  readonly caller: PolicyCaller;
  /** The rules by which somebody may ask at a place. */
  rulesFor(requester: PolicyCaller, place: Place): Promise<readonly AccessRule[]>;
  /** Whether the caller has the policy's role `operator` there. */
  isOperator(place: Place): Promise<boolean>;
}

/** What every operation may use; made once, at start-up. */
export interface Context {
  readonly pools: Pools;
  readonly registry: Registry;
  /** Absent: there are the built-in templates only. */
  readonly templates?: TemplateStore;
  readonly settings: OperationSettings;
  /**
   * Reads the settings again and takes over those that can change. Rejects with `conflict` when one is wrong: nothing
   * has changed then. Absent: they are those of the start.
   */
  readonly reloadSettings?: () => Promise<readonly ChangedSetting[]>;
  /** Absent: each request has a query of its own. */
  readonly sharedReads?: SharedReads;
  /** For operations on users; absent where there are none. */
  readonly cloud?: CloudServices;
  /** Absent: there is no temporary access. */
  readonly accesses?: Accesses;
}

export interface OperationSettings {
  /** The admin's role name, DB_ADMIN_USER. */
  readonly adminUser: string;
  /** VALIDATE_IAM_USERS: an e-mail address as username must belong to a Cloud SQL IAM principal. */
  readonly validateIamUsers: boolean;
  /** MAX_USERS_PER_REQUEST; 100 when missing. */
  readonly maxUsersPerRequest?: number;
  /** HEALTH_CHECK_TIMEOUT, in milliseconds. */
  readonly healthCheckTimeoutMs: number;
}

/** A setting that a reload changed, as written. */
export interface ChangedSetting {
  readonly name: string;
  readonly from: string;
  readonly to: string;
}

/** What the audit record of a request names beside what the request says. */
export interface Noted {
  /** The plans that were shown or done, in order; see `planId`. */
  planIds?: string[];
  dryRun?: boolean;
}

/** Who asks, and how to speak of it. */
export interface Call {
  /** The operationId. */
  readonly operation: string;
  readonly actor: string;
  /**
   * The guarded predefined roles that the caller's policy names: no others are given. Undefined: the policy is not asked,
   * and new templates name none.
   */
  readonly allowedNativeRoles?: readonly string[];
  readonly requestId: string;
  readonly log: Log;
  /** Aborts when the client has gone or the request's time is up. */
  readonly signal: AbortSignal;
  /** For the audit record; whoever makes a plan notes it here. */
  readonly noted?: Noted;
  /** The kinds of roles that the caller may give and take here; undefined: every one. */
  readonly allowedRoleKinds?: readonly string[];
  /** Whether the caller may do the same at another place, all of it. Absent: everywhere. */
  readonly permits?: (place: Place) => Promise<boolean>;
  /** Absent: the policy allows no temporary access. */
  readonly accessPolicy?: AccessPolicy;
}

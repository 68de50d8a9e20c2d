import { covers, includes, type Scope } from "../domain/scope.ts";
import type { Target } from "../domain/target.ts";

/** What is paused, whether it has a pool or not. */
export interface Pauses {
  holds(target: Target): boolean;
  pause(scope: Scope): void;
  /** Ends the pauses of the scope and of what lies in it. A pause of something wider stays. */
  resume(scope: Scope): void;
  list(): readonly Scope[];
}

export function createPauses(): Pauses {
  let scopes: readonly Scope[] = [];
  return {
    holds: (target) => scopes.some((scope) => covers(scope, target)),
    pause(scope) {
      if (scopes.some((present) => includes(present, scope) && includes(scope, present))) return;
      scopes = [...scopes, scope];
    },
    resume(scope) {
      scopes = scopes.filter((present) => !includes(scope, present));
    },
    list: () => scopes,
  };
}

import type { PolicyCaller } from "../../src/domain/policy.ts";
import type { Call } from "../../src/operations/context.ts";

const hour = 3_600_000;

/** Somebody who may ask for a reader; whose name starts with `approver` may approve. */
export function accessCaller(call: Call, name: string, maxDurationMs = 8 * hour): Call {
  const caller: PolicyCaller = { name, kind: "user" };
  const isApprover = name.startsWith("approver");
  return {
    ...call,
    actor: name,
    accessPolicy: {
      caller,
      rulesFor: async () => [{ roleKinds: ["reader"], maxDurationMs, approves: isApprover }],
      isOperator: async () => isApprover,
    },
  };
}

import type { Handlers } from "../typed.ts";
import { accessHandlers } from "./access.ts";
import { accountHandlers } from "./accounts.ts";
import { bulkHandlers } from "./bulk-memberships.ts";
import { contractHandlers } from "./contract.ts";
import { desiredStateHandlers } from "./desired-state.ts";
import { driftHandlers } from "./drift.ts";
import { explainHandlers } from "./explain.ts";
import type { HandlerContext } from "./handler-context.ts";
import { healthHandlers } from "./health.ts";
import { historyHandlers } from "./history.ts";
import { poolHandlers } from "./pools.ts";
import { roleTemplateHandlers } from "./role-templates.ts";
import { roleHandlers } from "./roles.ts";
import { schemaHandlers } from "./schemas.ts";
import { tableHandlers } from "./tables.ts";
import { userHandlers } from "./users.ts";

/** A handler for each operation of the contract. */
export function createHandlers(handlerContext: HandlerContext): Handlers {
  return {
    ...accessHandlers(handlerContext),
    ...accountHandlers(handlerContext),
    ...bulkHandlers(handlerContext),
    ...contractHandlers(handlerContext),
    ...explainHandlers(handlerContext),
    ...desiredStateHandlers(handlerContext),
    ...driftHandlers(handlerContext),
    ...healthHandlers(handlerContext),
    ...historyHandlers(handlerContext),
    ...poolHandlers(handlerContext),
    ...roleHandlers(handlerContext),
    ...roleTemplateHandlers(handlerContext),
    ...schemaHandlers(handlerContext),
    ...tableHandlers(handlerContext),
    ...userHandlers(handlerContext),
  };
}

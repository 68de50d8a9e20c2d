import {
  denyAccess,
  expireAccesses,
  listAccesses,
  requestAccess,
  revokeAccess,
} from "../operations/access.ts";
import { approveAccess } from "../operations/access-approval.ts";
import { listAccounts } from "../operations/accounts.ts";
import { assignMany, revokeMany } from "../operations/bulk-memberships.ts";
import { cleanupUser } from "../operations/cleanup.ts";
import { applyState, planState } from "../operations/desired-state.ts";
import { readDrift } from "../operations/drift.ts";
import { explainPrivilege } from "../operations/explain.ts";
import { checkDatabaseHealth } from "../operations/health.ts";
import { checkHistory, listHistory } from "../operations/history.ts";
import { grantInheritance, revokeInheritance } from "../operations/inheritance.ts";
import { assignRole, revokeRole } from "../operations/memberships.ts";
import { rotatePassword } from "../operations/password-rotation.ts";
import {
  drainPools,
  killPools,
  listPools,
  pausePools,
  reloadPools,
  resumePools,
} from "../operations/pools.ts";
import { reconcileUsers } from "../operations/reconcile.ts";
import { listRoles } from "../operations/role-list.ts";
import {
  addRoleTemplate,
  listRoleTemplates,
  readRoleTemplate,
  retireRoleTemplate,
} from "../operations/role-templates.ts";
import { findRecordedRegions, initializeRoles, readRolesStatus } from "../operations/roles.ts";
import { rollbackState } from "../operations/rollback.ts";
import { createSchema } from "../operations/schema-create.ts";
import { listSchemas } from "../operations/schemas.ts";
import { importState } from "../operations/state-import.ts";
import { listTables } from "../operations/tables.ts";
import { createUser } from "../operations/user-create.ts";
import { listUsers } from "../operations/user-list.ts";
import { readOperation } from "../operations/user-operations.ts";
import { deleteUser, offboardUser } from "../operations/user-remove.ts";

/** The use cases that the handlers call; a test may put others in their place. */
export const realOperations = {
  addRoleTemplate,
  applyState,
  approveAccess,
  assignMany,
  assignRole,
  checkDatabaseHealth,
  checkHistory,
  cleanupUser,
  createSchema,
  createUser,
  denyAccess,
  expireAccesses,
  listAccesses,
  requestAccess,
  revokeAccess,
  deleteUser,
  drainPools,
  explainPrivilege,
  findRecordedRegions,
  grantInheritance,
  importState,
  initializeRoles,
  killPools,
  listAccounts,
  listHistory,
  listPools,
  listRoleTemplates,
  listRoles,
  listSchemas,
  listTables,
  listUsers,
  offboardUser,
  pausePools,
  planState,
  readDrift,
  readRoleTemplate,
  readOperation,
  readRolesStatus,
  reconcileUsers,
  reloadPools,
  resumePools,
  retireRoleTemplate,
  revokeInheritance,
  revokeMany,
  revokeRole,
  rollbackState,
  rotatePassword,
};

export type Operations = Readonly<typeof realOperations>;

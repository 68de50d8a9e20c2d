import { standardTemplate } from "../../src/domain/builtin-templates.ts";
import { emptyState } from "../../src/domain/desired-state.ts";
import type { HistoryRecord } from "../../src/domain/history.ts";
import type { StatementPreview } from "../../src/domain/plan.ts";
import type { StoredAccess } from "../../src/domain/temporary-access.ts";
import type { Operations } from "../../src/http/operations.ts";
import type { AccessResult } from "../../src/operations/access.ts";
import type { BulkInput, BulkResult } from "../../src/operations/bulk-memberships.ts";
import type { StatePlanResult } from "../../src/operations/desired-state.ts";
import type { ExplainedPath } from "../../src/operations/explain.ts";
import type { StoredOperation } from "../../src/operations/operation-store.ts";
import type { PoolsCommanded } from "../../src/operations/pools.ts";
import type { RegistryStatus } from "../../src/operations/registry.ts";
import type { TemplateEntry } from "../../src/operations/role-templates.ts";

export const somePlan: readonly StatementPreview[] = [
  {
    description: "Create the role orders_app_reader",
    sql: "CREATE ROLE orders_app_reader NOLOGIN",
    database: "orders",
    optional: false,
    destructive: false,
  },
];

const someAccess: StoredAccess = {
  id: "7d0b1f60-41a5-4b3b-9c55-3a4d6a3d0c11",
  target: { project: "demo-project", region: "europe-west1", instance: "orders-db", database: "orders" },
  schema: "app",
  roleName: "orders_app_reader",
  roleKind: "reader",
  username: "carol@example.com",
  requester: { name: "carol@example.com", kind: "user" },
  reason: "Look into a slow report",
  durationMs: 3_600_000,
  state: "requested",
  createdAt: Date.UTC(2026, 10, 21, 9, 30),
  decidedBy: null,
  startsAt: null,
  expiresAt: null,
  granter: null,
  grants: null,
  endedBy: null,
  endedAt: null,
  warnings: [],
};

export function someStatus(lastUpdated = "2026-11-21T09:31:00.000Z"): RegistryStatus {
  return {
    documentId: "demo-project~europe-west1~orders-db~orders",
    revision: 3,
    createdAt: new Date("2026-11-21T09:30:00.000Z"),
    createdBy: "anonymous",
    lastUpdated: new Date(lastUpdated),
    roles: [
      {
        name: "orders_app_reader",
        kind: "reader",
        scope: "schema",
        schema: "app",
        template: "standard",
        version: "1.0.0",
        checksum: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        status: "active",
        inherits: [],
        nativeRoles: [],
      },
    ],
    totalHistoryEntries: 2,
  };
}

const somePools: PoolsCommanded = {
  complete: true,
  pools: [
    {
      target: {
        project: "demo-project",
        region: "europe-west1",
        instance: "orders-db",
        database: "orders",
      },
      state: "active",
      counts: { size: 12, lent: 9, idle: 2, connecting: 1, waiting: 3 },
      clients: { active: 14, waiting: 5 },
      longestWaitMs: 12.3456,
      overflow: 2,
      stats: { requests: 42, waitMs: 1_500, queryMs: 2_500, errors: 1 },
    },
  ],
};

const somePath: ExplainedPath = {
  kind: "acl",
  via: [
    {
      role: "orders_app_reader",
      member: "alice@example.com",
      inherit: true,
      set: true,
      admin: false,
      grantors: ["postgres"],
      implied: false,
    },
  ],
  holder: "orders_app_reader",
  grantedOn: "table",
  grantors: ["app_owner"],
};

const someEntry: HistoryRecord = {
  document_id: "demo-project~europe-west1~orders-db~orders",
  sequence: 2,
  at: "2026-11-21T09:31:00.000Z",
  actor: "anonymous",
  request_id: "4bf92f3577b34da6a3ce929d0e0e4736",
  action: "initializeRoles",
  outcome: "succeeded",
  summary: "initialize the roles of schema app",
  sqlstate: null,
  username: null,
  role_name: null,
  schema_name: "app",
  statements: somePlan,
  statements_total: 1,
  previous_hash: "0".repeat(64),
  hash: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
};

const someStatePlan: StatePlanResult = {
  planId: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
  statements: somePlan,
  summary: {
    roles: 1,
    schemas: 0,
    memberships: 0,
    privileges: 0,
    default_privileges: 0,
    destructive: 0,
    total: 1,
  },
  warnings: [],
};

const someOutcomes = somePlan.map((one) => ({
  ...one,
  outcome: "succeeded" as const,
}));

function dryRun(input: { readonly dryRun?: boolean }) {
  return { warnings: [], ...(input.dryRun === true ? { plan: somePlan } : {}) };
}

const someEntryOfTemplate: TemplateEntry = {
  name: "support",
  builtin: false,
  retired: false,
  latest: "1.0.0",
  versions: [
    {
      version: "1.0.0",
      checksum: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
      retired: false,
      createdAt: new Date("2026-11-21T09:30:00.000Z"),
      createdBy: "alice@example.com",
    },
  ],
};

const someOperation: StoredOperation = {
  id: "5b2c7c1e-8c3f-4d5e-9a7b-2f1d3c4b5a69",
  action: "createUser",
  target: { project: "demo-project", region: "europe-west1", instance: "orders-db", database: "orders" },
  username: "carol@example.com",
  input: {},
  actor: "admin@example.com",
  requestId: "4bf92f3577b34da6a3ce929d0e0e4736",
  state: "failed",
  createdAt: new Date("2026-11-21T09:30:00.000Z"),
  updatedAt: new Date("2026-11-21T09:30:20.000Z"),
  steps: [{ kind: "cloud_sql_api", description: "Create the user in Cloud SQL", outcome: "done" }],
  changed: true,
  warnings: [],
  failure: { kind: "unavailable", message: "Cloud SQL could not do it." },
};

const someUserPlan = {
  statements: somePlan,
  steps: [
    { kind: "cloud_sql_api" as const, description: "Create the user in Cloud SQL", destructive: false },
    ...somePlan.map((statement) => ({ kind: "sql" as const, ...statement })),
  ],
};

function someAccessResult({ dryRun: planned = false }: { readonly dryRun?: boolean }): AccessResult {
  const access = { access: someAccess, changed: true, alreadyMember: false };
  return planned ? { ...access, plan: somePlan } : access;
}

function userChange(input: { readonly username: string; readonly dryRun?: boolean }) {
  return {
    normalizedUsername: input.username.toLowerCase(),
    changed: true,
    state: "succeeded" as const,
    operationId: someOperation.id,
    steps: someOperation.steps,
    warnings: [],
    ...(input.dryRun === true ? { plan: someUserPlan } : {}),
  };
}

function someBulk({ memberships, dryRun: planned = false }: BulkInput): BulkResult[] {
  return memberships.map((input, at) =>
    at === 0
      ? {
          input,
          outcome: "changed",
          done: {
            normalizedUsername: input.username,
            role: input.role,
            changed: true,
            ...dryRun({ dryRun: planned }),
          },
        }
      : { input, outcome: "failed", failure: { kind: "not_found", message: "There is no such user." } },
  );
}

/** Use cases that answer at once and touch nothing: what the HTTP layer does is all that is left. */
export const pretendedOperations: Operations = {
  listRoleTemplates: async () => [someEntryOfTemplate],
  readRoleTemplate: async () => ({
    entry: someEntryOfTemplate,
    template: standardTemplate,
    retired: false,
    warnings: [],
  }),
  addRoleTemplate: async () => ({
    created: true,
    checksum: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    entry: someEntryOfTemplate,
    template: { ...standardTemplate, name: "support" },
    retired: false,
    warnings: [],
  }),
  retireRoleTemplate: async () => ({ changed: true, entry: { ...someEntryOfTemplate, latest: null } }),
  listPools: async () => ({
    pools: somePools.pools,
    paused: ["everything"],
    totals: { pools: 1, size: 12, checkedOut: 9, idle: 2, waiting: 3, overflow: 2, limit: 30 },
  }),
  pausePools: async () => somePools,
  resumePools: async () => somePools,
  drainPools: async () => somePools,
  reloadPools: async () => ({ ...somePools, settings: [] }),
  killPools: async () => somePools,
  listSchemas: async () => ["app", "public"],
  createSchema: async (_context, _call, _target, input) => ({
    owner: input.owner ?? "postgres",
    created: true,
    ...dryRun(input),
  }),
  listTables: async () => [
    {
      name: "customers",
      type: "BASE TABLE",
      partitioned: false,
      partitionCount: 0,
      rowCount: 500,
      sizeBytes: 98_304,
    },
    { name: "recent", type: "VIEW", partitioned: false, partitionCount: 0, rowCount: null, sizeBytes: 0 },
  ],
  checkDatabaseHealth: async () => ({
    status: "healthy",
    connectionTimeMs: 3.2,
    info: {
      version: "17.10",
      versionNum: 170_010,
      uptimeSeconds: 475_200,
      uptime: "5 days, 12 hours",
      activeConnections: 1,
      totalConnections: 7,
      maxConnections: 100,
      databaseSizeBytes: 8_765_432,
      inRecovery: false,
    },
    warnings: [],
  }),
  initializeRoles: async (_context, _call, _target, input) => ({
    created: ["orders_app_reader"],
    updated: [],
    skipped: ["orders_monitor"],
    total: 6,
    documentId: "demo-project~europe-west1~orders-db~orders",
    template: input.template ?? "standard",
    templateVersion: "1.0.0",
    ...dryRun(input),
  }),
  findRecordedRegions: async () => ["europe-west1"],
  readRolesStatus: async () => someStatus(),
  assignRole: async (_context, _call, _target, input) => ({
    normalizedUsername: input.username.toLowerCase(),
    role: "orders_app_reader",
    changed: true,
    ...dryRun(input),
  }),
  revokeRole: async (_context, _call, _target, input) => ({
    normalizedUsername: input.username.toLowerCase(),
    role: "orders_app_reader",
    changed: false,
    ...dryRun(input),
  }),
  listUsers: async () => ({
    users: [
      {
        username: "alice@example.com",
        roles: ["orders_app_reader"],
        isIamUser: true,
        userType: "iam_user",
        permissions: ["USAGE"],
        privileges: { canLogin: true, isSuperuser: false, canCreateDb: false, canCreateRole: false },
      },
    ],
    systemUsersExcluded: ["cloudsqladmin", "postgres"],
  }),
  assignMany: async (_context, _call, _target, input) => someBulk(input),
  revokeMany: async (_context, _call, _target, input) => someBulk(input),
  reconcileUsers: async () => ({ users: 1, findings: [] }),
  createUser: async (_context, _call, _target, input) => ({
    ...userChange(input),
    created: true,
    secretId: null,
  }),
  deleteUser: async (_context, _call, _target, input) => ({ ...userChange(input), existed: true }),
  offboardUser: async (_context, _call, _target, input) => ({
    ...userChange(input),
    existed: true,
    state: input.dryRun === true ? "succeeded" : "running",
  }),
  rotatePassword: async (_context, _call, _target, input) => ({
    ...userChange({ username: input.username ?? "postgres", ...input }),
    isAdmin: true,
    secretId: "orders-db-pgpassword",
    passwordSince: new Date("2026-11-21T09:30:00.000Z"),
  }),
  requestAccess: async (_context, _call, _target, input) => someAccessResult(input),
  approveAccess: async (_context, _call, _target, input) => someAccessResult(input),
  denyAccess: async (_context, _call, _target, input) => someAccessResult(input),
  revokeAccess: async (_context, _call, _target, input) => someAccessResult(input),
  listAccesses: async () => [someAccess],
  expireAccesses: async (_context, _call, input = {}) => [
    { access: someAccess, outcome: "expired", ...(input.dryRun === true ? { plan: somePlan } : {}) },
  ],
  readOperation: async () => someOperation,
  listAccounts: async () => [
    {
      username: "alice@example.com",
      type: "iam_user",
      status: "active",
      memberships: [{ database: "orders", roles: ["orders_app_reader"] }],
      otherRoles: [],
      sessions: 1,
      lastActivity: new Date("2026-11-21T09:30:00.000Z"),
    },
  ],
  listRoles: async () => ["orders_app_reader", "orders_app_writer"],
  importState: async () => ({ state: emptyState, warnings: [] }),
  rollbackState: async (_context, _call, _target, { dryRun }) => ({
    ...someStatePlan,
    changed: true,
    state: emptyState,
    ...(dryRun ? {} : { outcomes: someOutcomes }),
  }),
  planState: async () => someStatePlan,
  applyState: async (_context, _call, _target, { dryRun }) => ({
    ...someStatePlan,
    changed: true,
    ...(dryRun === true ? {} : { outcomes: someOutcomes }),
  }),
  readDrift: async () => ({
    schemas: ["app"],
    checked: "full",
    drift: [
      {
        kind: "role_renamed",
        role: "orders_app_reader",
        object: "role other",
        detail: "orders_app_reader was renamed to other",
        repair: ['ALTER ROLE "other" RENAME TO "orders_app_reader"'],
      },
    ],
    warnings: [],
  }),
  explainPrivilege: async (_context, _call, _target, { principal, privilege }) => ({
    privilege,
    principal: principal ?? null,
    allowed: true,
    paths: principal === undefined ? [] : [somePath],
    pathsTruncated: false,
    setRoles: [],
    schemaUsage: principal === undefined ? null : true,
    ...(principal === undefined
      ? {
          principals: [
            { principal: "orders_app_reader", canLogin: false, schemaUsage: true, path: somePath },
          ],
        }
      : {}),
  }),
  listHistory: async () => ({ entries: [someEntry], totalEntries: 2, nextBefore: 2 }),
  checkHistory: async () => ({ intact: true, entries: 2 }),
  grantInheritance: async (_context, _call, _target, input) => ({
    normalizedUsername: input.username.toLowerCase(),
    alreadyGranted: false,
    mode: "on_demand",
    ...dryRun(input),
  }),
  revokeInheritance: async (_context, _call, _target, input) => ({
    normalizedUsername: input.username.toLowerCase(),
    alreadyRevoked: true,
    ...dryRun(input),
  }),
  cleanupUser: async (_context, _call, _target, input) => ({
    normalizedUsername: input.username.toLowerCase(),
    ownershipTransferred: true,
    permissionsRevoked: false,
    objectsDropped: false,
    databases: [
      {
        database: "orders",
        outcome: input.dryRun === true ? "planned" : "done",
        ownershipTransferred: 3,
        permissionsRevoked: 0,
        objectsDropped: 0,
        detail: "3 objects went to app_owner",
      },
    ],
    ...dryRun(input),
  }),
};

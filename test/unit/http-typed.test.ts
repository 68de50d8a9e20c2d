import assert from "node:assert/strict";
import { test } from "node:test";
import type { Answer, Handler, Handlers, Input, OperationId } from "../../src/http/typed.ts";
import { contractOperations } from "../support/contract.ts";

// These are checked by the compiler: each expected error must be one, or the type check fails.

const schemas: Handler<"listSchemas"> = async (_input, call) => ({
  message: call.target.database,
  schemas: [],
});

// @ts-expect-error the field must be an array of strings
const wrongType: Handler<"listSchemas"> = async () => ({ message: "", schemas: [1] });

// @ts-expect-error the field is missing
const missingField: Handler<"listSchemas"> = async () => ({ message: "" });

// @ts-expect-error the HTTP layer fills in the envelope
const envelope: Handler<"listSchemas"> = async () => ({ success: true, message: "", schemas: [] });

// @ts-expect-error the region may be missing, so there is no target
const noTarget: Handler<"getRolesStatus"> = async (_input, call) => call.target;

// @ts-expect-error the input has no such field
const wrongInput: Handler<"listSchemas"> = async (input) => ({ message: input.schema_name, schemas: [] });

const { getDocs: _getDocs, ...allButOne } = {} as Handlers;

// @ts-expect-error an operation of the contract has no handler
const incomplete: Handlers = allButOne;

const dryRun: Input<"initializeRoles">["dry_run"] = undefined;
const page: Answer<"getDocs"> = "<!doctype html>";

test("a handler that answers what the contract promises compiles, and others do not", () => {
  const compiled = [
    schemas,
    wrongType,
    missingField,

    envelope,
    noTarget,
    wrongInput,
    incomplete,
  ];
  assert.equal(compiled.length, 7);
  assert.equal(dryRun, undefined);
  assert.equal(typeof page, "string");
});

test("the types know every operation of the contract", () => {
  const known: Record<OperationId, true> = {
    addRoleTemplateVersion: true,
    applyRoles: true,
    approveAccess: true,
    assignRole: true,
    denyAccess: true,
    expireAccess: true,
    listAccess: true,
    requestAccess: true,
    revokeAccess: true,
    assignRoles: true,
    checkDatabaseHealth: true,
    cleanupUser: true,
    createRoleTemplate: true,
    createSchema: true,
    createUser: true,
    deleteUser: true,
    drainPools: true,
    explainPrivilege: true,
    getDocs: true,
    getOpenapi: true,
    getRolesStatus: true,
    getServiceHealth: true,
    grantPostgresInheritance: true,
    importRoles: true,
    initializeRoles: true,
    killPools: true,
    listAccounts: true,
    listHistory: true,
    listPools: true,
    listRoleTemplates: true,
    listRoles: true,
    listSchemas: true,
    listTables: true,
    listUsers: true,
    offboardUser: true,
    pausePools: true,
    planRoles: true,
    readDrift: true,
    readRoleTemplate: true,
    readOperation: true,
    reconcileUsers: true,
    reloadPools: true,
    resumePools: true,
    retireRoleTemplate: true,
    revokePostgresInheritance: true,
    revokeRole: true,
    rollbackRoles: true,
    revokeRoles: true,
    rotatePassword: true,
    verifyHistory: true,
  };
  assert.deepEqual(
    Object.keys(known).sort(),
    contractOperations.map(({ operationId }) => operationId).sort(),
  );
});

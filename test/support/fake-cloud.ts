import { randomUUID } from "node:crypto";
import type { Instance } from "../../src/domain/target.ts";
import { type ErrorKind, ServiceError } from "../../src/errors.ts";
import type { CloudServices } from "../../src/operations/cloud-services.ts";
import type { CloudOperation, CloudUser } from "../../src/operations/cloud-users.ts";
import { createMemoryOperations, type MemoryOperations } from "./memory-operations.ts";
import { type RoleFleet, roleServer } from "./role-fleet.ts";

/** Cloud SQL's and Secret Manager's part for tests of what happens in PostgreSQL; the real adapters have tests of their own. */
export interface FakeCloud {
  readonly services: CloudServices;
  readonly operations: MemoryOperations;
  /** Users that the Admin API lists besides those of PostgreSQL. */
  readonly listed: CloudUser[];
  /** Users that it does not list although PostgreSQL has them. */
  readonly hidden: Set<string>;
  /** The passwords stored so far, by secret id, oldest first. */
  readonly passwords: Map<string, string[]>;
  /** Versions that are disabled. */
  readonly disabled: Set<string>;
  /** The mutations that were asked for, such as `insert alice@example.com`. */
  readonly calls: string[];
  /** Every call of the Admin API fails like this until it is undefined. */
  fail(kind: ErrorKind | undefined): void;
  /** Secret Manager fails. */
  failSecrets(kind: ErrorKind | undefined): void;
  /** Secret Manager does not disable versions. */
  failDisabling(kind: ErrorKind | undefined): void;
  /** How often an operation is read before it is done. */
  slow(readings: number): void;
}

const users = `
  SELECT r.rolname::text AS name,
         CASE WHEN g.rolname = 'cloudsqliamuser' THEN 'iam_user' WHEN g.rolname = 'cloudsqliamgroup' THEN 'iam_group'
              WHEN g.rolname = 'cloudsqliamserviceaccount' THEN 'iam_service_account' ELSE 'built_in' END AS type
    FROM pg_roles r
    LEFT JOIN (pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid AND g.rolname LIKE 'cloudsqliam%') ON m.member = r.oid
   WHERE r.rolname !~ '^(cloudsql|pg_)' AND (r.rolcanlogin OR g.rolname IS NOT NULL)`;

const adminTypes = {
  iam_user: "CLOUD_IAM_USER",
  iam_service_account: "CLOUD_IAM_SERVICE_ACCOUNT",
  iam_group: "CLOUD_IAM_GROUP",
} as const;

export function createFakeCloud(fleet: RoleFleet, options: { readonly patienceMs?: number } = {}): FakeCloud {
  const listed: CloudUser[] = [];
  const hidden = new Set<string>();
  const passwords = new Map<string, string[]>();
  const calls: string[] = [];
  const operations = createMemoryOperations();
  const started = new Map<string, number>();
  let failing: ErrorKind | undefined;
  let secretsFail: ErrorKind | undefined;
  let disablingFails: ErrorKind | undefined;
  const disabled = new Set<string>();
  const storedVersion = (id: string, number: number) => ({
    version: `${id}/versions/${number}`,
    number,
    createdAt: new Date(),
  });
  let readings = 0;
  const check = (kind: ErrorKind | undefined): void => {
    if (kind !== undefined) throw new ServiceError(kind, "pretended");
  };
  const server = (instance: Instance) => roleServer(fleet, instance);
  const begin = (): CloudOperation => {
    const name = randomUUID();
    started.set(name, readings);
    return { name, done: readings === 0 };
  };
  return {
    operations,
    listed,
    hidden,
    passwords,
    calls,
    disabled,
    services: {
      operations,
      versions: {
        async find({ instance }, owner) {
          check(secretsFail);
          const id = `${instance}/${owner ?? ""}`;
          const stored = passwords.get(id)?.map((_, at) => storedVersion(id, at + 1));
          if (stored === undefined) return undefined;
          return { secret: id, versions: stored.filter(({ version }) => !disabled.has(version)).reverse() };
        },
        async read(_instance, version) {
          check(secretsFail);
          const [id = "", number] = version.split("/versions/");
          return passwords.get(id)?.[Number(number) - 1] ?? "";
        },
        async add(_instance, id, password) {
          check(secretsFail);
          const versions = [...(passwords.get(id) ?? []), password];
          passwords.set(id, versions);
          return storedVersion(id, versions.length);
        },
        async disable(_instance, version) {
          check(secretsFail ?? disablingFails);
          disabled.add(version);
        },
      },
      patienceMs: options.patienceMs ?? 20_000,
      leaseMs: 9_000,
      stopping: new AbortController().signal,
      users: {
        async list(instance) {
          check(failing);
          const { rows } = await server(instance).querySuperuser<CloudUser>("postgres", users);
          return [...rows.filter(({ name }) => !hidden.has(name)), ...listed];
        },
        async insert(instance, { name, type }) {
          check(failing);
          calls.push(`insert ${name}`);
          await server(instance).createUser({ name, type: adminTypes[type] });
          return begin();
        },
        async delete(instance, name) {
          check(failing);
          calls.push(`delete ${name}`);
          await server(instance).dropUser(name);
          return begin();
        },
        async readOperation(_instance, name) {
          check(failing);
          const left = (started.get(name) ?? 0) - 1;
          started.set(name, left);
          return { name, done: left <= 0 };
        },
      },
      passwords: {
        secretId: ({ instance }, username) => `${instance}/${username}`,
        async add({ instance }, username, password) {
          check(secretsFail);
          const id = `${instance}/${username}`;
          const versions = [...(passwords.get(id) ?? []), password];
          passwords.set(id, versions);
          return { version: `${id}/versions/${versions.length}` };
        },
      },
    },
    fail(kind) {
      failing = kind;
    },
    failDisabling(kind) {
      disablingFails = kind;
    },
    failSecrets(kind) {
      secretsFail = kind;
    },
    slow(count) {
      readings = count;
    },
  };
}

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type FirestoreServer, startFirestore } from "../../src/local-cloud/firestore.ts";
import { readDrift } from "../../src/operations/drift.ts";
import type { DriftItem } from "../../src/operations/drift-items.ts";
import { checkHistory } from "../../src/operations/history.ts";
import { assignRole } from "../../src/operations/memberships.ts";
import { initializeRoles } from "../../src/operations/roles.ts";
import {
  type ChangeJob,
  type ChangeOrder,
  type ChangeProcess,
  openChangeContext,
  startChangeProcess,
} from "../support/change-process.ts";
import { serviceErrorOf } from "../support/errors.ts";
import { testTarget } from "../support/pools.ts";
import { type RoleFleet, startRoleFleet } from "../support/role-fleet.ts";

const databases = ["d0", "d1", "d2", "d3", "d4"];
const users = ["alice@example.com", "bob@example.com", "eve@example.com"] as const;

let processes: readonly ChangeProcess[];
before(() => {
  processes = Array.from({ length: 3 }, startChangeProcess);
});
after(() => Promise.all(processes.map((each) => each.stop())));

/** The registry lacks a role, or that something cannot be had on this instance. */
function isUnrecorded({ kind, object, repair }: DriftItem): boolean {
  return kind === "missing" && (object.startsWith("registry entry of") || repair.length === 0);
}

// Of memberships there are two kinds, before 16 and from then on.
for (const major of [14, 16, 18] as const) {
  const mode = major === 14 ? "permissive" : "strict";
  describe(`changes at once on PostgreSQL ${major}, ${mode}`, () => {
    let fleet: RoleFleet;
    let firestore: FirestoreServer;
    let own: ReturnType<typeof openChangeContext>;
    const connection = () => {
      const { host, port, adminPassword } = fleet.server(major);
      return { servers: { [`pg${major}`]: { host, port, adminPassword } }, firestore: firestore.host };
    };

    before(async () => {
      [fleet, firestore] = await Promise.all([startRoleFleet(mode, [major]), startFirestore()]);
      for (const name of users) await fleet.server(major).createUser({ name, type: "CLOUD_IAM_USER" });
      own = openChangeContext(connection());
      for (const database of databases) {
        const setup = "CREATE SCHEMA app AUTHORIZATION postgres; CREATE SCHEMA more AUTHORIZATION postgres";
        const target = await fleet.createDatabase(major, database, setup);
        await initializeRoles(own.context, fleet.call(), target, { schema: "app" });
        const bob = { schema: "app", username: users[1], role: "reader" };
        await assignRole(own.context, fleet.call(), target, bob);
      }
    });
    after(async () => {
      await own.close();
      await Promise.all([fleet.stop(), firestore.stop()]);
    });

    test("20 calls of three processes all succeed, and the registry ends equal to the catalog", async () => {
      const jobs = databases.flatMap((database): ChangeJob[] => [
        { kind: "initialize", database, schema: "more" },
        { kind: "assign", database, schema: "app", username: users[0], role: "reader" },
        { kind: "revoke", database, schema: "app", username: users[1], role: "reader" },
        { kind: "assign", database, schema: "app", username: users[2], role: "admin" },
      ]);
      assert.equal(jobs.length, 20);
      const orders = processes.map((_, at) => ({
        ...connection(),
        jobs: jobs.filter((_job, number) => number % processes.length === at),
      }));
      const outcomes = (
        await Promise.all(processes.map((each, at) => each.run(orders[at] as ChangeOrder)))
      ).flat();
      assert.deepEqual(
        outcomes.filter(({ error }) => error !== undefined),
        [],
      );
      assert.equal(outcomes.length, jobs.length);
      for (const database of databases) {
        const target = testTarget(`pg${major}`, database);
        const { drift, schemas } = await readDrift(own.context, fleet.call(), target, { forceFull: true });
        // On a strict instance nothing can be set for what an IAM user creates.
        const uncovered = mode === "strict" ? [`future objects of ${users[2]} in schema app`] : [];
        assert.deepEqual([drift.map(({ object }) => object), schemas], [uncovered, ["app", "more"]]);
        const members = await fleet.sql(
          target,
          `SELECT m.member::regrole::text AS member, m.roleid::regrole::text AS role FROM pg_auth_members m
            WHERE m.roleid::regrole::text LIKE $1 AND m.member::regrole::text LIKE '%@%' ORDER BY 1`,
          [`${database}\\_%`],
        );
        assert.deepEqual(members, [
          { member: `"${users[0]}"`, role: `${database}_app_reader` },
          { member: `"${users[2]}"`, role: `${database}_app_admin` },
        ]);
        const check = await checkHistory(own.context, fleet.call(), target);
        assert.deepEqual(check, { intact: true, entries: 6 });
      }
    });

    if (major % 2 === 0)
      test("what three processes committed and Firestore did not take, drift names and other processes' next calls mend", async () => {
        const lost = ["l0", "l1", "l2"];
        const [alice, bob] = users;
        for (const database of lost) {
          const setup = "CREATE SCHEMA app AUTHORIZATION postgres; CREATE SCHEMA more AUTHORIZATION postgres";
          const target = await fleet.createDatabase(major, database, setup);
          await initializeRoles(own.context, fleet.call(), target, { schema: "app" });
          await assignRole(own.context, fleet.call(), target, {
            schema: "app",
            username: bob,
            role: "reader",
          });
        }
        const orders = lost.map((database): ChangeOrder => {
          const one = { database, schema: "app" };
          const jobs: ChangeJob[] = [
            { kind: "initialize", database, schema: "more" },
            { ...one, kind: "assign", username: alice, role: "writer" },
            { ...one, kind: "revoke", username: bob, role: "reader" },
          ];
          return { ...connection(), jobs };
        });
        const committed = Promise.withResolvers<void>();
        let waiting = orders.length;
        const refuseRecords = async (): Promise<void> => {
          waiting -= 1;
          if (waiting === 0) {
            firestore.faults.set({ permissionDenied: true });
            committed.resolve();
          }
          await committed.promise;
        };
        const refused = await Promise.all(
          processes.map((each, at) =>
            each.run({ ...(orders[at] as ChangeOrder), waitsToRecord: true }, refuseRecords),
          ),
        );
        firestore.faults.clear();
        for (const { error } of refused.flat())
          assert.deepEqual([error?.kind, error?.database], ["unavailable", "committed"], error?.message);

        const targets = lost.map((database) => testTarget(`pg${major}`, database));
        const drifts = async () =>
          Promise.all(
            targets.map((target) => readDrift(own.context, fleet.call(), target, { forceFull: true })),
          );
        for (const { schemas, drift } of await drifts()) {
          assert.deepEqual(schemas, ["app", "more"]);
          assert.ok(drift.length > 0);
          assert.deepEqual(
            drift.filter((one) => !isUnrecorded(one)),
            [],
          );
        }
        // Each by another process than the one that could not record it.
        const [first, ...others] = orders as [ChangeOrder, ...ChangeOrder[]];
        const again = [...others, first];
        const outcomes = (
          await Promise.all(processes.map((each, at) => each.run(again[at] as ChangeOrder)))
        ).flat();
        assert.deepEqual(
          outcomes.filter(({ error }) => error !== undefined),
          [],
        );
        for (const { drift } of await drifts()) assert.deepEqual(drift, []);
        for (const target of targets)
          assert.equal((await checkHistory(own.context, fleet.call(), target))?.intact, true);
      });

    test("what Firestore could not record after the commit, drift names and another process's next call mends", async () => {
      const target = await fleet.createDatabase(major, "late", "CREATE SCHEMA app AUTHORIZATION postgres");
      const here = fleet.context;
      const input = { schema: "app" };
      const failing = {
        ...here,
        registry: { ...fleet.registry, record: () => Promise.reject(new Error("down")) },
      };
      const error = await serviceErrorOf(initializeRoles(failing, fleet.call(), target, input));
      assert.deepEqual(
        [error.kind, error.details.database, error.details.registry],
        ["unavailable", "committed", "failed"],
      );
      const there = fleet.otherProcess();
      const { drift } = await readDrift(there, fleet.call(), target, {});
      assert.deepEqual([...new Set(drift.map(({ kind }) => kind))], ["missing"]);
      assert.ok(drift.every(isUnrecorded));
      await initializeRoles(there, fleet.call(), target, input);
      assert.deepEqual((await readDrift(there, fleet.call(), target, {})).drift, []);
    });
  });
}

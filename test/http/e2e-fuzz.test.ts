import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { LocalCloud } from "../../src/local-cloud/cloud.ts";
import { startTestCloud } from "../support/cloud.ts";
import {
  analyticsTarget,
  type CloudService,
  ordersTarget,
  startCloudService,
} from "../support/cloud-service.ts";
import { contractOperations } from "../support/contract.ts";
import { type FuzzedRequest, fuzz } from "../support/fuzz.ts";
import { withClient } from "../support/postgres.ts";

/** Those that act on a database; pausing pools would only make the others wait, and operations have ids of their own. */
const operationIds = contractOperations
  .filter(({ path }) => !path.startsWith("/pools") && !path.startsWith("/operations"))
  .map(({ operationId }) => operationId);

/** Somebody may ask for the admin's lockout, if they say that they know what it means. */
function asksForLockout({ operationId, body = "" }: FuzzedRequest): boolean {
  return (
    operationId === "grantPostgresInheritance" &&
    body.includes('"standing":true') &&
    body.includes('"acknowledge_admin_lockout":true')
  );
}

/** Whoever asks for access, or decides on it, has to have a name, which nobody has here; see e2e-access. */
const forNamedCallers: ReadonlySet<string> = new Set([
  "requestAccess",
  "approveAccess",
  "denyAccess",
  "revokeAccess",
]);

describe("bad requests by the thousand, on the whole service", () => {
  let cloud: LocalCloud;
  let service: CloudService;

  before(async () => {
    cloud = await startTestCloud();
    service = await startCloudService(cloud, {
      settings: { LOG_LEVEL: "INFO", CONNECTION_TIMEOUT: "5", LOCK_TIMEOUT: "5" },
    });
    await service.warmUp();
    // What the contract's examples rely on: the state that entry 1 kept, and a user with a password.
    await service.succeed("initializeRoles", { ...ordersTarget, schema_name: "app" });
    await service.succeed("createUser", {
      ...ordersTarget,
      username: "nightly_report",
      user_type: "built_in",
    });
  });
  after(async () => {
    await service?.[Symbol.asyncDispose]();
    await cloud?.stop();
  });

  async function readFleet(text: string): Promise<unknown[]> {
    const rows = await Promise.all(
      cloud.instances.flatMap(({ server, databases }) =>
        databases.map(async (database) => (await server.querySuperuser(database, text)).rows),
      ),
    );
    return rows.flat();
  }

  const content = () =>
    readFleet(
      `SELECT current_database() AS database, c.oid::regclass::text AS relation,
              (xpath('/row/n/text()', query_to_xml('SELECT count(*) AS n FROM ' || c.oid::regclass, false, true, '')))[1]::text AS n
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE relkind IN ('r', 'p', 'v', 'm') AND nspname !~ '^(pg_|information_schema)' ORDER BY 1, 2`,
    );

  it("are answered as the contract says, and never by a 500", async () => {
    const before = await content();
    const seen = new Map<number, number>();
    const reached = new Set<string>();
    let lockouts = 0;
    const unavailable: string[] = [];
    const onAnswer = (request: FuzzedRequest, status: number, text: string): void => {
      if (status === 503) unavailable.push(`${request.operationId}: ${text}`);
      seen.set(status, (seen.get(status) ?? 0) + 1);
      if (status === 200 || status === 202) reached.add(request.operationId);
      if (status === 200 && asksForLockout(request)) lockouts += 1;
    };
    const run = (runs: number) => fuzz({ url: service.url, runs, operationIds, onAnswer });
    // One after the other: only the examples.
    await run(operationIds.length);
    await Promise.all([run(1000), run(1000), run(1000)]);
    const counts = JSON.stringify(Object.fromEntries(seen));
    for (const status of [200, 400, 404]) assert.ok((seen.get(status) ?? 0) > 0, counts);
    assert.deepEqual(
      operationIds.filter((operationId) => !reached.has(operationId) && !forNamedCallers.has(operationId)),
      [],
      "never reached",
    );
    if (lockouts === 0) assert.deepEqual(unavailable, [], counts);
    assert.deepEqual(await content(), before, "data was lost");
  });

  it("leave nothing behind that hinders anybody", async () => {
    const sessions = await readFleet(
      `SELECT pid FROM pg_stat_activity WHERE usename = 'postgres' AND state LIKE 'idle in transaction%'
       UNION ALL SELECT pid FROM pg_locks WHERE locktype = 'advisory'`,
    );
    assert.deepEqual(sessions, []);
    const roles = await readFleet(
      `SELECT rolname FROM pg_roles
        WHERE (rolsuper AND rolname <> 'cloudsqladmin')
           OR (rolcanlogin AND rolname !~ '@|^(postgres|cloudsqladmin|legacy_app|nightly_report)$')
           OR (rolname ~ '^cloudsqliam' AND pg_has_role('postgres', oid, 'MEMBER'))`,
    );
    assert.deepEqual(roles, []);
    for (const instance of cloud.instances) {
      const url = new URL(instance.server.adminUrl());
      // A request may have rotated the admin's password.
      url.password = encodeURIComponent(
        cloud.secretManager.peekSecret(cloud.secretOf(instance)) ?? url.password,
      );
      await withClient(url.href, (client) => client.query("SELECT 1"));
    }
    for (const target of [ordersTarget, analyticsTarget]) {
      await service.succeed("listSchemas", target);
      await service.succeed("createSchema", { ...target, schema_name: "after_all" });
      await service.succeed("initializeRoles", { ...target, schema_name: "after_all" });
      await service.succeed("getRolesStatus", target);
    }
    await service.end();
  });
});

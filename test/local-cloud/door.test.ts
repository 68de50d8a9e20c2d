import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { after, afterEach, before, describe, it } from "node:test";
import { Client } from "pg";
import type { Login } from "../../src/local-cloud/door.ts";
import { type PostgresServer, startPostgresServer } from "../../src/local-cloud/postgres-server.ts";
import { withClient } from "../support/postgres.ts";
import { until } from "../support/until.ts";
import { int32, split } from "../support/wire.ts";

describe("the door of a server", () => {
  let server: PostgresServer;
  let listener: Server;
  /** The login of the connections that come to the listener, as the proxy would find it in a certificate. */
  let login: Login = { kind: "password" };

  before(async () => {
    server = await startPostgresServer({ major: 17, mode: "permissive" });
    await server.createUser({ name: "alice@example.com", type: "CLOUD_IAM_USER" });
    await server.createUser({ name: "sa@p.iam", type: "CLOUD_IAM_SERVICE_ACCOUNT" });
    await server.createUser({ name: "legacy", type: "BUILT_IN", password: "legacy" });
    listener = createServer({ allowHalfOpen: true }, (socket) => server.accept(socket, login));
    listener.listen(0, "127.0.0.1");
    await once(listener, "listening");
  });
  after(async () => {
    listener.close();
    await server.stop();
  });
  afterEach(() => {
    server.faults.clear();
    login = { kind: "password" };
  });

  const port = () => {
    const address = listener.address();
    assert.ok(address && typeof address === "object");
    return address.port;
  };

  const url = (user: string, password = "") =>
    `postgresql://${encodeURIComponent(user)}:${encodeURIComponent(password)}@127.0.0.1:${port()}/postgres`;

  const adminUrl = () => url("postgres", server.adminPassword);

  const readUser = (user: string, password?: string) =>
    withClient(url(user, password), async (client) => {
      const { rows } = await client.query("SELECT session_user AS name");
      return rows[0].name;
    });

  async function open(): Promise<{ socket: Socket; received: () => Buffer }> {
    const socket = connect(port(), "127.0.0.1");
    const chunks: Buffer[] = [];
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.on("error", () => {});
    await once(socket, "connect");
    return { socket, received: () => Buffer.concat(chunks) };
  }

  function startup(version: number, fields: Record<string, string>): Buffer {
    const body = Object.entries(fields).map(([key, value]) => `${key}\0${value}\0`);
    const content = Buffer.concat([int32(version), Buffer.from(`${body.join("")}\0`)]);
    return Buffer.concat([int32(content.length + 4), content]);
  }

  describe("IAM logins", () => {
    it("lets the certificate's user in without a password", async () => {
      login = { kind: "iam", user: "alice@example.com" };
      assert.equal(await readUser("alice@example.com"), "alice@example.com");
      login = { kind: "iam", user: "sa@p.iam" };
      assert.equal(await readUser("sa@p.iam"), "sa@p.iam");
    });

    it("refuses another user than the certificate's", async () => {
      login = { kind: "iam", user: "alice@example.com" };
      await assert.rejects(readUser("sa@p.iam"), {
        code: "28000",
        message: 'Cloud SQL IAM user authentication failed for user "sa@p.iam"',
      });
      await assert.rejects(readUser("postgres", server.adminPassword), { code: "28000" });
    });

    it("refuses a role that is no IAM user, or does not exist", async () => {
      for (const user of ["legacy", "nobody@example.com", "postgres"]) {
        login = { kind: "iam", user };
        await assert.rejects(readUser(user), { code: "28000" });
      }
    });

    it("lets the superuser in with its password only", async () => {
      login = { kind: "iam", user: "cloudsqladmin" };
      await assert.rejects(readUser("cloudsqladmin", "wrong"), { code: "28P01" });
    });
  });

  describe("the start of a session", () => {
    it("answers requests for encryption with no, also when the bytes come one by one", async () => {
      const { socket, received } = await open();
      const requests = Buffer.concat([int32(8), int32(80877103), int32(8), int32(80877104)]);
      const opening = startup(0x00030000, { user: "legacy", database: "postgres" });
      for (const byte of Buffer.concat([requests, opening])) {
        await new Promise((resolve) => socket.write(Buffer.of(byte), resolve));
      }
      await until(() => received().length > 10);
      assert.equal(received().toString("latin1", 0, 2), "NN");
      assert.equal(split(received().subarray(2))[0]?.type, "R");
      socket.destroy();
    });

    it("passes protocol 3.2 on to the server", async () => {
      const { socket, received } = await open();
      socket.write(startup(0x00030002, { user: "legacy", database: "postgres" }));
      await until(() => received().length > 10);
      // 17 offers 3.0 instead, which is the server's own answer.
      assert.deepEqual(
        split(received()).map(({ type }) => type),
        ["v", "R"],
      );
      socket.destroy();
    });

    for (const [what, bytes] of [
      ["a packet that is too long", int32(100_000)],
      ["a packet that is too short", int32(3)],
      ["HTTP", Buffer.from("GET / HTTP/1.1\r\n\r\n")],
    ] as const) {
      it(`closes on ${what}`, async () => {
        const { socket } = await open();
        socket.write(bytes);
        await once(socket, "close");
      });
    }

    it("forgets a client that leaves before it has said who it is", async () => {
      const { socket } = await open();
      socket.end(int32(20));
      await once(socket, "close");
      await until(() => server.faults.dropConnections() === 0);
    });
  });

  it("passes a cancel request on", async () => {
    await withClient(adminUrl(), async (client) => {
      const { processID, secretKey } = client as Client & { processID: number; secretKey: number };
      const sleeping = assert.rejects(client.query("SELECT pg_sleep(60)"), { code: "57014" });
      await until(async () => {
        const { rowCount } = await server.querySuperuser(
          "postgres",
          "SELECT FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep'",
          [processID],
        );
        return rowCount === 1;
      });
      const { socket } = await open();
      socket.write(Buffer.concat([int32(16), int32(80877102), int32(processID), int32(secretKey)]));
      await once(socket, "close");
      await sleeping;
    });
  });

  it("passes large rows and many rows, both ways", async () => {
    await withClient(adminUrl(), async (client) => {
      const big = "é".repeat(5_000_000);
      const echo = await client.query("SELECT $1::text AS big", [big]);
      assert.equal(echo.rows[0].big, big);
      const many = await client.query("SELECT n FROM generate_series(1, 50000) AS n");
      assert.equal(many.rows[49_999].n, 50_000);
    });
  });

  it("passes COPY, both ways", async () => {
    await withClient(adminUrl(), async (client) => {
      await client.query("CREATE TEMP TABLE copied (n int, note text)");
      const row = Buffer.from(`1\t${"x".repeat(1000)}\n`);
      await copyIn(client, "COPY copied FROM STDIN", Buffer.concat(Array(3000).fill(row)), 7);
      const { rows } = await client.query(
        "SELECT count(*)::int AS n, sum(length(note))::int AS size FROM copied",
      );
      assert.deepEqual(rows, [{ n: 3000, size: 3_000_000 }]);
      await assert.rejects(copyIn(client, "COPY copied FROM STDIN", Buffer.from("not a number\n"), 1), {
        code: "22P02",
      });
      assert.equal((await client.query("SELECT 1 AS one")).rows[0].one, 1);
    });
  });

  it("holds the server back when the client does not read", async () => {
    await withClient(adminUrl(), async (client) => {
      const { processID } = client as Client & { processID: number };
      const { stream } = client.connection;
      const before = process.memoryUsage().arrayBuffers;
      stream.pause();
      const size = client.query("SELECT repeat('x', 1000000) FROM generate_series(1, 200)");
      await until(async () => {
        const { rowCount } = await server.querySuperuser(
          "postgres",
          "SELECT FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'ClientWrite'",
          [processID],
        );
        return rowCount === 1;
      });
      assert.ok(process.memoryUsage().arrayBuffers - before < 32_000_000);
      stream.resume();
      assert.equal((await size).rowCount, 200);
    });
  });

  it("closes the server's side when the client vanishes", async () => {
    const client = new Client({ connectionString: adminUrl() });
    client.on("error", () => {});
    await client.connect();
    const { processID } = client as Client & { processID: number };
    client.connection.stream.destroy();
    await until(async () => {
      const { rowCount } = await server.querySuperuser(
        "postgres",
        "SELECT FROM pg_stat_activity WHERE pid = $1",
        [processID],
      );
      return rowCount === 0;
    });
    assert.equal(server.faults.dropConnections(), 0);
  });

  it("gives the client the server's last words when the server ends the session", async () => {
    await withClient(adminUrl(), async (client) => {
      const { processID } = client as Client & { processID: number };
      const sleeping = assert.rejects(client.query("SELECT pg_sleep(60)"), { code: "57P01" });
      // A server that ends a session with a statement unread resets the connection, and its last words may be lost.
      await until(async () => {
        const { rowCount } = await server.querySuperuser(
          "postgres",
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep'",
          [processID],
        );
        return rowCount === 1;
      });
      await sleeping;
    });
  });

  describe("faults", () => {
    for (const place of ["the proxy's way in", "the server's own port"]) {
      const target = () => (place === "the proxy's way in" ? adminUrl() : server.adminUrl());

      it(`refuses new connections and keeps the old ones (${place})`, async () => {
        await withClient(target(), async (old) => {
          server.faults.refuse(true);
          await assert.rejects(
            withClient(target(), async () => {}),
            /ECONNRESET|terminated unexpectedly/,
          );
          await old.query("SELECT 1");
          server.faults.refuse(false);
          await withClient(target(), (client) => client.query("SELECT 1"));
        });
      });

      it(`drops live connections in the middle of a query (${place})`, async () => {
        await withClient(target(), async (client) => {
          const query = assert.rejects(client.query("SELECT pg_sleep(60)"));
          assert.equal(server.faults.dropConnections(), 1);
          await query;
          await assert.rejects(client.query("SELECT 1"));
        });
        await withClient(target(), (client) => client.query("SELECT 1"));
      });

      it(`takes connections and answers nothing (${place})`, async () => {
        server.faults.blackHole(true);
        const client = new Client({ connectionString: target(), connectionTimeoutMillis: 200 });
        client.on("error", () => {});
        await assert.rejects(client.connect(), /timeout/);
        const { socket, received } = await open();
        socket.write(startup(0x00030000, { user: "legacy" }));
        server.faults.clear();
        await until(() => socket.destroyed);
        assert.equal(received().length, 0);
        await withClient(target(), (later) => later.query("SELECT 1"));
      });
    }
  });
});

/** What pg-copy-streams does, in small: `pieces` says into how many messages the data is cut. */
function copyIn(client: Client, text: string, data: Buffer, pieces: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const query = {
      submit(connection: { query(text: string): void }) {
        connection.query(text);
      },
      handleCopyInResponse(connection: { sendCopyFromChunk(chunk: Buffer): void; endCopyFrom(): void }) {
        const size = Math.ceil(data.length / pieces);
        for (let at = 0; at < data.length; at += size) {
          connection.sendCopyFromChunk(data.subarray(at, at + size));
        }
        connection.endCopyFrom();
      },
      handleCommandComplete() {},
      handleError: reject,
      handleReadyForQuery: resolve,
    };
    client.query(query as unknown as Parameters<Client["query"]>[0]);
  });
}

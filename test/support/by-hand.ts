import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { Client } from "pg";
import type { StatementPreview } from "../../src/domain/plan.ts";
import type { PostgresServer } from "../../src/local-cloud/postgres-server.ts";

type ByHand = Pick<StatementPreview, "sql" | "database" | "optional">;

/** Runs statements of a plan as an administrator would who was handed them, one after the other; rejects at the first that fails. */
export type Hand = (server: PostgresServer, plan: readonly ByHand[]) => Promise<void>;

/** What follows one another in one database: one session. */
function sessionsOf(plan: readonly ByHand[]): { database: string; statements: ByHand[] }[] {
  const sessions: { database: string; statements: ByHand[] }[] = [];
  for (const statement of plan) {
    const last = sessions.at(-1);
    if (last?.database === statement.database) last.statements.push(statement);
    else sessions.push({ database: statement.database, statements: [statement] });
  }
  return sessions;
}

export const throughClient: Hand = async ({ host, port, adminPassword: password }, plan) => {
  for (const { database, statements } of sessionsOf(plan)) {
    const client = new Client({ host, port, user: "postgres", password, database });
    client.on("error", () => undefined);
    await client.connect();
    try {
      for (const { sql, optional } of statements) {
        await client.query(sql).catch((error: unknown) => {
          if (!optional) throw new Error(`${String(error)}: ${sql}`);
        });
      }
    } finally {
      await client.end();
    }
  }
};

/** Each statement as it stands, with a semicolon, in the input of psql. */
export const throughPsql: Hand = async ({ host, port, adminPassword }, plan) => {
  for (const { database, statements } of sessionsOf(plan)) {
    const input = statements.map(({ sql, optional }) =>
      optional ? `\\set ON_ERROR_STOP 0\n${sql};\n\\set ON_ERROR_STOP 1\n` : `${sql};\n`,
    );
    const { code, said } = await runPsql(
      ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", host, "-p", String(port), "-U", "postgres", "-d", database],
      input.join(""),
      { PGPASSWORD: adminPassword },
    );
    if (code !== 0) throw new Error(`psql ended with ${code}: ${said}`);
  }
};

/** Whether there is a psql on the PATH: where there is only Node, there is none. */
export async function hasPsql(): Promise<boolean> {
  return runPsql(["--version"], "", {}).then(
    ({ code }) => code === 0,
    () => false,
  );
}

async function runPsql(
  args: readonly string[],
  input: string,
  env: Readonly<Record<string, string>>,
): Promise<{ code: number | null; said: string }> {
  const { PATH = "" } = process.env;
  const child = spawn("psql", args, {
    env: { PATH, ...env },
    stdio: ["pipe", "ignore", "pipe"],
    timeout: 60_000,
  });
  await once(child, "spawn");
  const closed = once(child, "close");
  // It may end before it has read everything: its exit code says so.
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  const said = await text(child.stderr);
  const [code] = await closed;
  return { code, said };
}

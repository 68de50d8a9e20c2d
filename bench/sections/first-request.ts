import { Agent, request } from "node:http";
import pg from "pg";
import { readSchemaNames } from "../../src/postgres/reads/schemas.ts";
import { startChild } from "../child.ts";
import { sessionNameOf } from "../contest.ts";
import { asSession, targetFields } from "../contestants/contestant.ts";
import { databaseName } from "../plain-access.ts";
import { adminUser, database } from "../postgres.ts";
import { median, type Ratios, say } from "../report.ts";
import type { Bench } from "./section.ts";

const warmUps = 10;

/** The first request of a database that nobody asked for before, against connecting and asking by hand. */
export async function measureFirstRequest({ options, postgres }: Bench): Promise<Ratios> {
  const service = startChild("contestants/service.ts");
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const connectMs: number[] = [];
  const requestMs: number[] = [];
  const samples = options.quick ? 100 : 300;
  try {
    const port = await service.ask<number>({
      ...{ postgres, poolSize: 10, applicationName: sessionNameOf("first") },
    });
    for (let n = 1; n <= samples + warmUps; n += 1) {
      const byHand = await timeByHand(postgres);
      const byService = await timeRequest(agent, port, { ...targetFields, database_name: databaseName(n) });
      if (n <= warmUps) continue;
      connectMs.push(byHand);
      requestMs.push(byService);
    }
  } finally {
    agent.destroy();
    await service.stop();
  }
  say("\nFirst request of a database");
  say(
    `  connect + query ${median(connectMs).toFixed(2)} ms, first request ${median(requestMs).toFixed(2)} ms`,
  );
  return { first_request_over_connect: median(requestMs.map((ms, n) => ms / (connectMs[n] ?? 0))) };
}

async function timeByHand({ host, port, password }: Bench["postgres"]): Promise<number> {
  const startedAt = performance.now();
  const client = new pg.Client({ host, port, password, user: adminUser, database });
  await client.connect();
  await readSchemaNames(asSession(client));
  const ms = performance.now() - startedAt;
  await client.end();
  return ms;
}

function timeRequest(agent: Agent, port: number, body: object): Promise<number> {
  const startedAt = performance.now();
  return new Promise((resolve, reject) => {
    const headers = { "Content-Type": "application/json" };
    const sent = request(
      { agent, host: "127.0.0.1", port, method: "POST", path: "/database/schemas", headers },
      (response) => {
        response.resume();
        response.once("end", () => {
          if (response.statusCode === 200) resolve(performance.now() - startedAt);
          else reject(new Error(`the first request was answered ${response.statusCode}`));
        });
      },
    );
    sent.once("error", reject);
    sent.end(JSON.stringify(body));
  });
}

import pg from "pg";
import { startChild } from "../child.ts";
import { sessionNameOf } from "../contest.ts";
import { targetFields } from "../contestants/contestant.ts";
import { adminUser, database } from "../postgres.ts";
import { median, type Ratios, say } from "../report.ts";
import type { Bench } from "./section.ts";

/** What the first request of a database that nobody asked for before costs, against connecting and asking by hand. */
export async function measureFirstRequest({ options, postgres }: Bench): Promise<Ratios> {
  const service = startChild("contestants/service.ts");
  const port = await service.ask<number>({
    ...{ postgres, poolSize: 10, logging: false },
    applicationName: sessionNameOf("first"),
  });
  const ask = (instance: string) => timeRequest(port, { ...targetFields, instance_name: instance });
  const connectMs: number[] = [];
  const requestMs: number[] = [];
  const samples = options.quick ? 60 : 200;
  try {
    for (let n = 0; n < samples + 10; n += 1) {
      // Each is an instance of its own to the service; the server behind it is the same.
      const byHand = await timeByHand(postgres);
      const byService = await ask(`bench-${n}`);
      if (n < 10) continue;
      connectMs.push(byHand);
      requestMs.push(byService);
    }
  } finally {
    await service.stop();
  }
  const ratio = median(requestMs.map((ms, n) => ms / (connectMs[n] ?? 0)));
  say("\nFirst request of a database");
  say(
    `  connect + query ${median(connectMs).toFixed(2)} ms, first request ${median(requestMs).toFixed(2)} ms`,
  );
  return { first_request_over_connect: ratio };
}

async function timeByHand({ host, port, password }: Bench["postgres"]): Promise<number> {
  const startedAt = performance.now();
  const client = new pg.Client({ host, port, password, user: adminUser, database });
  await client.connect();
  await client.query("SELECT 1");
  const ms = performance.now() - startedAt;
  await client.end();
  return ms;
}

async function timeRequest(port: number, body: object): Promise<number> {
  const startedAt = performance.now();
  const response = await fetch(`http://127.0.0.1:${port}/database/schemas`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  await response.arrayBuffer();
  if (response.status !== 200) throw new Error(`the first request was answered ${response.status}`);
  return performance.now() - startedAt;
}

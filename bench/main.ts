import { writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { startChild } from "./child.ts";
import { parseOptions } from "./options.ts";
import { startBenchPostgres } from "./postgres.ts";
import { type Ratios, say, sayTable } from "./report.ts";
import { measureCallers } from "./sections/callers.ts";
import { measureClients } from "./sections/clients.ts";
import { measureFirstRequest } from "./sections/first-request.ts";
import { measureFleet } from "./sections/fleet.ts";
import { measureMemory } from "./sections/memory.ts";
import { measureRoles } from "./sections/roles.ts";
import type { Section } from "./sections/section.ts";
import { measureSoak } from "./sections/soak.ts";
import { measureLogging, measureOperations, measureThroughput } from "./sections/throughput.ts";
import { measureWithTools } from "./sections/tools.ts";

const sections: Readonly<Record<string, Section>> = {
  throughput: measureThroughput,
  logging: measureLogging,
  operations: measureOperations,
  callers: measureCallers,
  clients: measureClients,
  memory: measureMemory,
  first: measureFirstRequest,
  fleet: measureFleet,
  soak: measureSoak,
  tools: measureWithTools,
  roles: measureRoles,
};

/** Too long, or of too little weight, for a quick run; `--only fleet --quick` runs a short one. */
const notQuick: readonly string[] = ["fleet", "soak", "tools", "roles"];

const options = parseOptions(process.argv.slice(2));
const startedAt = performance.now();
say(
  `Node ${process.version}, ${availableParallelism()} processors; load, service and PostgreSQL share them.`,
);
say("Only ratios of one run mean anything: contestants take turns, and each figure is a median over rounds.");
const postgres = await startBenchPostgres();
const generator = startChild("generator.ts");
const ratios: Ratios = {};
try {
  for (const [name, measure] of Object.entries(sections)) {
    if (options.only.length > 0 ? !options.only.includes(name) : options.quick && notQuick.includes(name)) {
      continue;
    }
    const sectionAt = performance.now();
    Object.assign(ratios, await measure({ options, postgres, generator }));
    say(`  (${name} took ${secondsSince(sectionAt)} s)`);
  }
} finally {
  await generator.stop();
  await postgres.server.stop();
  // What was measured is kept also when a section fails.
  if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify({ ratios }, null, 2)}\n`);
}
say("\nRatios");
sayTable(Object.entries(ratios).map(([name, value]) => [name, value.toFixed(3)]));
say(`\nTook ${secondsSince(startedAt)} s.`);

function secondsSince(at: number): number {
  return Math.round((performance.now() - at) / 1000);
}

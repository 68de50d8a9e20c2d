import { fileURLToPath } from "node:url";
import { type LocalCloud, startLocalCloud } from "../../src/local-cloud/cloud.ts";
import { readDemoFleet } from "../../src/local-cloud/demo-fleet.ts";
import { loadFleet } from "../../src/local-cloud/fleet.ts";

/**
 * A local cloud for tests: the demo fleet, or a fleet given as a fleet file's value (its SQL files are relative to
 * this directory). Operations of its Admin API are quick. Stop it in `after`.
 */
export async function startTestCloud(fleet?: unknown): Promise<LocalCloud> {
  const loaded =
    fleet === undefined ? await readDemoFleet() : await loadFleet(fleet, fileURLToPath(import.meta.url));
  return startLocalCloud({ fleet: loaded, pendingMs: 5, runningMs: 20 });
}

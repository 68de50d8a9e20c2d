import { fileURLToPath } from "node:url";
import { type LoadedFleet, readFleet } from "./fleet.ts";

/** The fleet that runs when no other is asked for; also an example of a fleet file. */
export const demoFleetFile = fileURLToPath(new URL("demo/demo-fleet.json", import.meta.url));

export function readDemoFleet(): Promise<LoadedFleet> {
  return readFleet(demoFleetFile);
}

/** Who of the demo fleet's users may do what through the service. */
export const demoPolicyFile = fileURLToPath(new URL("demo/policy.yaml", import.meta.url));

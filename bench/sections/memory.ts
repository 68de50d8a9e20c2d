import type { Ratios } from "../report.ts";
import type { Bench } from "./section.ts";

export async function measureMemory(_bench: Bench): Promise<Ratios> {
  return {};
}

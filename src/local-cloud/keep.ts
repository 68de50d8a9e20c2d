import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { LoadedFleet } from "./fleet.ts";
import { makeOwnDirectory, preparePostgresDirectories } from "./postgres-directories.ts";

/**
 * The directory in which a fleet of a checkout is kept between runs. It depends on all that the fleet consists of, its
 * SQL included: a changed fleet is another one, and starts afresh.
 */
export async function prepareKeepDirectory(checkout: string, fleet: LoadedFleet): Promise<string> {
  const { keep: base } = await preparePostgresDirectories();
  await makeOwnDirectory(base, process.getuid?.() ?? 0);
  const { projectId, instances, scripts } = fleet;
  const texts = scripts.map(({ text }) => text);
  const hash = createHash("sha256").update(JSON.stringify([checkout, projectId, instances, texts]));
  const directory = join(base, hash.digest("hex").slice(0, 16));
  await mkdir(directory, { recursive: true, mode: 0o711 });
  return directory;
}

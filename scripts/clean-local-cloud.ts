import { readdir, rm } from "node:fs/promises";
import { preparePostgresDirectories } from "../src/local-cloud/postgres-directories.ts";
import { cleanLeftovers } from "../src/local-cloud/postgres-leftovers.ts";

/** After all tests: ends the servers of processes that died, and gives back the memory that templates take if nobody uses them. */

const directories = await preparePostgresDirectories();
await cleanLeftovers(directories);
const { templates, cache, run } = directories;
if (templates !== cache && (await readdir(run)).length === 0) await rm(templates, { recursive: true });

import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { FieldFault } from "../errors.ts";
import { type Fleet, FleetError, parseFleet } from "./fleet-parser.ts";

/** A fleet with the text of its SQL files. */
export interface LoadedFleet extends Fleet {
  /** The fleet file; tells one kept cloud from another. */
  readonly source: string;
  readonly scripts: readonly SqlScript[];
}

/** SQL that the superuser runs when the users and databases exist. */
export interface SqlScript {
  readonly instanceName: string;
  readonly database: string;
  readonly path: string;
  readonly text: string;
}

/** Reads and checks a fleet file and the SQL files that it names. Rejects with a FleetError that has all faults. */
export async function readFleet(path: string): Promise<LoadedFleet> {
  const source = resolve(path);
  return loadFleet(await readJson(source), source);
}

/** Checks a fleet given as a value; its SQL files are relative to the directory of `source`. */
export async function loadFleet(value: unknown, source: string): Promise<LoadedFleet> {
  const fleet = parseFleet(value);
  const faults: FieldFault[] = [];
  const scripts: SqlScript[] = [];
  for (const [index, instance] of fleet.instances.entries()) {
    for (const { database, file } of instance.sql) {
      const path = resolve(dirname(source), file);
      try {
        const text = (await readFile(path, "utf8")).replace(/^\uFEFF/, "");
        scripts.push({ instanceName: instance.name, database, path, text });
      } catch (error) {
        const pointer = `/instances/${index}/sql/${database.replaceAll("~", "~0").replaceAll("/", "~1")}`;
        faults.push({ pointer, detail: `cannot be read: ${messageOf(error)}` });
      }
    }
  }
  if (faults.length > 0) throw new FleetError(faults);
  return { ...fleet, source, scripts };
}

async function readJson(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    throw new FleetError([{ pointer: "", detail: `the file cannot be read: ${messageOf(cause)}` }], {
      cause,
    });
  }
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (cause) {
    throw new FleetError([{ pointer: "", detail: `${path} is not valid JSON: ${messageOf(cause)}` }], {
      cause,
    });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

import type { Target } from "../domain/target.ts";
import { targetKey } from "../domain/target.ts";
import type { Call, Context } from "./context.ts";
import type { InSyncNote, RegistryStatus } from "./registry.ts";

/** What must be the same for a note to hold: the catalog's fingerprint, the templates, and the registry's revision. */
export interface DriftKey {
  readonly fingerprint: string;
  readonly templates: string;
  readonly revision: number;
}

const mostKept = 1_000;

/** The most characters of warnings and schemas' names that the registry is asked to keep. */
const longestNote = 50_000;

const notes = new WeakMap<Context, Map<string, InSyncNote>>();

/**
 * What was in sync when it was last compared, if all that counts is as it was: as this process remembers, or for a whole
 * database as the registry does.
 */
export function findInSync(
  context: Context,
  target: Target,
  schema: string | undefined,
  key: DriftKey,
  registry: RegistryStatus | undefined,
): InSyncNote | undefined {
  const kept = notes.get(context)?.get(noteKey(target, schema));
  const recorded = schema === undefined ? registry?.inSync : undefined;
  return [kept, recorded].find((note) => note !== undefined && holds(note, key));
}

function holds(note: InSyncNote, key: DriftKey): boolean {
  return (
    note.fingerprint === key.fingerprint && note.templates === key.templates && note.revision === key.revision
  );
}

/** Remembers it. That the registry does not is no failure: the next comparison reads everything again. */
export async function keepInSync(
  context: Context,
  call: Call,
  target: Target,
  schema: string | undefined,
  note: InSyncNote,
): Promise<void> {
  const kept = notes.get(context) ?? new Map<string, InSyncNote>();
  notes.set(context, kept);
  const key = noteKey(target, schema);
  kept.delete(key);
  kept.set(key, note);
  for (const oldest of kept.keys()) {
    if (kept.size <= mostKept) break;
    kept.delete(oldest);
  }
  if (schema !== undefined || note.revision === 0 || JSON.stringify(note).length > longestNote) return;
  try {
    await context.registry.noteInSync?.(target, note);
  } catch (error) {
    call.log.warning("the registry could not note that a database is in sync", { error });
  }
}

function noteKey(target: Target, schema: string | undefined): string {
  return JSON.stringify([targetKey(target), schema ?? null]);
}

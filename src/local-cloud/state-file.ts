import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";

const SAVE_AFTER_MS = 200;

/** Keeps a state in a file: written soon after each change, and at the end, so that a reader never sees half of it. */
export interface StateFile {
  /** What the file holds; undefined when there is none yet. */
  load(): unknown;
  /** Says that the state has changed. */
  changed(): void;
  /** Writes what is not yet written and stops. */
  close(): void;
}

/** `path` undefined: nothing is kept. `take` gives the state as something JSON can hold. */
export function createStateFile(path: string | undefined, take: () => unknown): StateFile {
  if (path === undefined) return { load: () => undefined, changed() {}, close() {} };
  let timer: NodeJS.Timeout | undefined;
  let unsaved = false;
  const file = path;

  function save(): void {
    clearTimeout(timer);
    timer = undefined;
    const part = `${file}.${process.pid}.part`;
    try {
      writeFileSync(part, JSON.stringify(take()), { mode: 0o600 });
      renameSync(part, file);
      unsaved = false;
    } catch (error) {
      rmSync(part, { force: true });
      throw error;
    }
  }

  return {
    load() {
      try {
        return JSON.parse(readFileSync(path, "utf8"));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw error;
      }
    },
    changed() {
      timer ??= setTimeout(() => {
        try {
          save();
        } catch {
          // Tried again at the next change, or at the end, where it can be reported.
          timer = undefined;
          unsaved = true;
        }
      }, SAVE_AFTER_MS).unref();
    },
    close() {
      if (timer !== undefined || unsaved) save();
    },
  };
}

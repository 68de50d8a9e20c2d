/** A place to work at. A part that is missing stands for all of them, or for any of them: whoever asks says which. */
export interface Place {
  readonly project?: string;
  readonly region?: string;
  readonly instance?: string;
  readonly database?: string;
}

/** A glob whose only wildcard is `*`, cut at its stars: `a*b*c` is [a, b, c]. Without a star it is one piece. */
type Glob = readonly string[];

/** Which targets a binding is for: one glob each for project, region, instance and database. */
export interface TargetPattern {
  readonly text: string;
  readonly parts: readonly [project: Glob, region: Glob, instance: Glob, database: Glob];
}

const maxPatternLength = 500;

/**
 * Parses `project/region/instance/database`, or `*` for everything. `*` stands for any run of characters, also for
 * none; it never crosses a slash, except in the database, which is last and may hold slashes of its own. Nothing else
 * is special, and letters of another case are other letters. Returns what is wrong, for people, when it is none.
 */
export function parseTargetPattern(text: string): TargetPattern | { readonly fault: string } {
  if (text.length > maxPatternLength)
    return { fault: `must not be longer than ${maxPatternLength} characters` };
  if (/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u.test(text)) return { fault: "must not hold invisible characters" };
  const [project, region, instance, ...rest] = (text === "*" ? "*/*/*/*" : text).split("/");
  const database = rest.join("/");
  if (!project || !region || !instance || database === "") {
    return {
      fault: "must be project/region/instance/database, each with * where it may be anything, or * alone",
    };
  }
  return { text, parts: [glob(project), glob(region), glob(instance), glob(database)] };
}

function glob(text: string): Glob {
  // Several stars in a row say no more than one.
  return text.replace(/\*+/g, "*").split("*");
}

/** Whether the pattern is for the place: a missing part must be wild when `missing` is "all", and fits when "any". */
export function matchesPlace({ parts }: TargetPattern, place: Place, missing: "all" | "any"): boolean {
  const [project, region, instance, database] = parts;
  return (
    fits(project, place.project, missing) &&
    fits(region, place.region, missing) &&
    fits(instance, place.instance, missing) &&
    fits(database, place.database, missing)
  );
}

function fits(pattern: Glob, value: string | undefined, missing: "all" | "any"): boolean {
  if (value !== undefined) return matchesGlob(pattern, value);
  return missing === "any" || (pattern.length === 2 && pattern[0] === "" && pattern[1] === "");
}

/** Takes the leftmost place for each piece, so that it never goes back: no pattern makes it slow. */
function matchesGlob(pattern: Glob, value: string): boolean {
  const first = pattern[0] ?? "";
  if (pattern.length === 1) return value === first;
  const last = pattern[pattern.length - 1] ?? "";
  if (value.length < first.length + last.length) return false;
  if (!value.startsWith(first) || !value.endsWith(last)) return false;
  const end = value.length - last.length;
  let at = first.length;
  for (const piece of pattern.slice(1, -1)) {
    const found = value.indexOf(piece, at);
    if (found < 0 || found + piece.length > end) return false;
    at = found + piece.length;
  }
  return true;
}

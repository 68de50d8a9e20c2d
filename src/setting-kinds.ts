/** What a setting's text was turned into, or what is wrong with it (without the text itself, see `quote`). */
export type Parsed<T> = { readonly value: T } | { readonly problem: string };

/** One environment variable: how its text is read, and what holds when it is missing or empty. */
export interface Setting<T> {
  /** The default, written as it would be in the environment; empty for "not set". */
  readonly fallback: string;
  parse(text: string): Parsed<T>;
}

/**
 * A value that may be repeated in a message. Only plain numbers and plain words are: somebody may have pasted a
 * password into the wrong variable.
 */
function quote(text: string): string {
  return /^([-+]?[0-9.,_]{1,12}[a-z]{0,3}|[a-z]{1,12})$/i.test(text)
    ? `"${text}"`
    : `a value of ${text.length} characters`;
}

function refuse(expected: string, text: string): { problem: string } {
  return { problem: `expected ${expected}, found ${quote(text)}` };
}

export function integer(fallback: number, range: { min: number; max: number }): Setting<number> {
  return {
    fallback: String(fallback),
    parse: (text) => {
      const value = /^[0-9]{1,12}$/.test(text) ? Number(text) : Number.NaN;
      const fits = value >= range.min && value <= range.max;
      return fits ? { value } : refuse(`a whole number from ${range.min} to ${range.max}`, text);
    },
  };
}

/** As `integer`, but 0 stands for something of its own. */
export function integerOrZero(fallback: number, range: { min: number; max: number }): Setting<number> {
  const inRange = integer(fallback, range);
  return {
    fallback: inRange.fallback,
    parse(text) {
      const parsed = text === "0" ? { value: 0 } : inRange.parse(text);
      return "value" in parsed ? parsed : { problem: parsed.problem.replace("expected", "expected 0 or") };
    },
  };
}

/** As `integer`, but with no default: undefined when not set. */
export function optionalInteger(range: { min: number; max: number }): Setting<number | undefined> {
  return optional(integer(0, range));
}

/** Seconds in the environment, milliseconds in the program. Fractions are allowed. */
export function seconds(fallbackS: number, rangeS: { min: number; max: number }): Setting<number> {
  return {
    fallback: String(fallbackS),
    parse: (text) => {
      const value = /^[0-9]{1,9}(\.[0-9]{1,3})?$/.test(text) ? Number(text) : Number.NaN;
      const fits = value >= rangeS.min && value <= rangeS.max;
      return fits
        ? { value: Math.round(value * 1000) }
        : refuse(`a number of seconds from ${rangeS.min} to ${rangeS.max}`, text);
    },
  };
}

const flags: Readonly<Record<string, boolean>> = {
  true: true,
  false: false,
  yes: true,
  no: false,
  "1": true,
  "0": false,
};

export function flag(fallback: boolean): Setting<boolean> {
  return {
    fallback: String(fallback),
    parse: (text) => {
      const value = Object.hasOwn(flags, text.toLowerCase()) ? flags[text.toLowerCase()] : undefined;
      return value === undefined ? refuse("true or false (also 1 or 0, yes or no)", text) : { value };
    },
  };
}

/** One of a few words, in upper or lower case. The keys are written as they are documented. */
export function choice<T>(fallback: string, words: Readonly<Record<string, T>>): Setting<T> {
  const byLowerCase = new Map(Object.entries(words).map(([word, value]) => [word.toLowerCase(), value]));
  return {
    fallback,
    parse: (text) => {
      const value = byLowerCase.get(text.toLowerCase());
      return value === undefined ? refuse(`one of ${Object.keys(words).join(", ")}`, text) : { value };
    },
  };
}

/** Text of one form. */
export function text(
  fallback: string,
  form: { readonly matches: (text: string) => boolean; readonly expected: string },
): Setting<string> {
  return {
    fallback,
    parse: (value) => (form.matches(value) ? { value } : refuse(form.expected, value)),
  };
}

/** A setting without a default: undefined when it is not set. */
export function optional<T>(setting: Setting<T>): Setting<T | undefined> {
  return { fallback: "", parse: (value) => (value === "" ? { value: undefined } : setting.parse(value)) };
}

/** A comma-separated list; blanks around the items are dropped, and so are repetitions. */
export function list(
  fallback: string,
  item: { readonly matches: (text: string) => boolean; readonly expected: string },
): Setting<readonly string[]> {
  return {
    fallback,
    parse: (value) => {
      const items = value.split(",").map((part) => part.trim());
      const kept = [...new Set(items.filter((part) => part !== ""))];
      const bad = kept.find((part) => !item.matches(part));
      return bad === undefined ? { value: kept } : refuse(`a comma-separated list of ${item.expected}`, bad);
    },
  };
}

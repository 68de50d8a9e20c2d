import { PROCEDURE } from "./role-grant-procedures.ts";

type Token =
  | { readonly kind: "word"; readonly text: string }
  | { readonly kind: "name"; readonly text: string }
  | { readonly kind: "sign"; readonly text: string };

interface Cursor {
  readonly tokens: readonly Token[];
  at: number;
}

/**
 * The CALL that does what the text says when it is exactly one GRANT or REVOKE of roles; undefined for all else, which
 * also covers what the server refuses anyway, and names that it would cut. The text is in bytes (latin1), so that this
 * works in any encoding that keeps ASCII.
 * https://www.postgresql.org/docs/current/sql-grant.html
 */
export function roleGrantCall(text: string): string | undefined {
  if (!/^(?:\s|--|\/\*|GRANT|REVOKE)/i.test(text)) return undefined;
  const tokens = tokenize(text);
  if (!tokens) return undefined;
  const cursor: Cursor = { tokens, at: 0 };
  const verb = takeWord(cursor, "grant", "revoke");
  if (!verb) return undefined;
  const prefix = verb === "revoke" ? takeOptionFor(cursor) : "";
  const roles = takeList(cursor, takeRoleName);
  if (!takeWord(cursor, verb === "grant" ? "to" : "from")) return undefined;
  const members = takeList(cursor, takeRoleSpecification);
  const suffix = verb === "grant" ? takeGrantOptions(cursor) : "";
  const grantor = takeGrantor(cursor);
  const behavior = verb === "revoke" ? takeWord(cursor, "cascade", "restrict") : undefined;
  if (!roles || !members || suffix === undefined || !grantor || !isAtEnd(cursor)) return undefined;
  const parts = [
    literal(text),
    literal(verb.toUpperCase()),
    literal(prefix),
    `ARRAY[${roles.join(", ")}]::text[]`,
    `ARRAY[${members.join(", ")}]::text[]`,
    literal(suffix),
    grantor,
    literal(behavior ? ` ${behavior.toUpperCase()}` : ""),
  ];
  return `CALL pg_catalog.${PROCEDURE}(${parts.join(", ")})`;
}

const MAX_NAME_BYTES = 63;
const BLANK = /(?:[ \t\n\r\f\v]|--[^\n\r]*)+/y;
const WORD = /[a-z_\x80-\xff][a-z0-9_$\x80-\xff]*/iy;
const QUOTED = /"((?:[^"]|"")+)"/y;

function tokenize(text: string): Token[] | undefined {
  const tokens: Token[] = [];
  let at = 0;
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found) at = pattern.lastIndex;
    return found;
  };
  while (at < text.length) {
    if (match(BLANK)) continue;
    if (text.startsWith("/*", at)) {
      const end = skipComment(text, at);
      if (end === undefined) return undefined;
      at = end;
      continue;
    }
    const word = match(WORD);
    // U&"..." and the like
    if (word && text[at] !== '"' && text[at] !== "'" && text[at] !== "&") {
      tokens.push({ kind: "word", text: word[0].replace(/[A-Z]/g, (letter) => letter.toLowerCase()) });
      continue;
    }
    const quoted = word ? null : match(QUOTED);
    const sign = text[at];
    if (quoted?.[1]) tokens.push({ kind: "name", text: quoted[1].replaceAll('""', '"') });
    else if (!word && (sign === "," || sign === ";")) {
      tokens.push({ kind: "sign", text: sign });
      at += 1;
    } else return undefined;
  }
  return tokens;
}

/** Comments nest. Returns the place after it, or undefined when it has no end. */
function skipComment(text: string, start: number): number | undefined {
  let depth = 0;
  for (let at = start; at < text.length; at += 1) {
    const pair = text.slice(at, at + 2);
    if (pair === "/*") depth += 1;
    else if (pair === "*/") depth -= 1;
    else continue;
    at += 1;
    if (depth === 0) return at + 1;
  }
  return undefined;
}

function takeWord(cursor: Cursor, ...words: string[]): string | undefined {
  const token = cursor.tokens[cursor.at];
  if (token?.kind !== "word" || !words.includes(token.text)) return undefined;
  cursor.at += 1;
  return token.text;
}

function takeSign(cursor: Cursor, sign: string): boolean {
  const token = cursor.tokens[cursor.at];
  if (token?.kind !== "sign" || token.text !== sign) return false;
  cursor.at += 1;
  return true;
}

function takeList(cursor: Cursor, take: (cursor: Cursor) => string | undefined): string[] | undefined {
  const items: string[] = [];
  do {
    const item = take(cursor);
    if (item === undefined) return undefined;
    items.push(item);
  } while (takeSign(cursor, ","));
  return items;
}

/** `REVOKE admin FROM x` names a role, `REVOKE ADMIN OPTION FOR ..` does not. */
function takeOptionFor(cursor: Cursor): string {
  const start = cursor.at;
  const option = takeWord(cursor, "admin", "inherit", "set");
  if (option && takeWord(cursor, "option") && takeWord(cursor, "for"))
    return `${option.toUpperCase()} OPTION FOR `;
  cursor.at = start;
  return "";
}

function takeRoleName(cursor: Cursor): string | undefined {
  const token = cursor.tokens[cursor.at];
  if (!token || token.kind === "sign" || token.text.length > MAX_NAME_BYTES) return undefined;
  if (token.kind === "word" && reservedWords.has(token.text)) return undefined;
  if (token.text === "public" || token.text === "none") return undefined;
  cursor.at += 1;
  return literal(token.text);
}

function takeRoleSpecification(cursor: Cursor): string | undefined {
  if (takeWord(cursor, "current_user", "current_role")) return "current_user::text";
  if (takeWord(cursor, "session_user")) return "session_user::text";
  return takeRoleName(cursor);
}

/** The options in their plain form; empty when there are none. */
function takeGrantOptions(cursor: Cursor): string | undefined {
  if (!takeWord(cursor, "with")) return "";
  const options = takeList(cursor, () => {
    const option = takeWord(cursor, "admin", "inherit", "set");
    const value = option && takeWord(cursor, "option", "true", "false");
    return value && `${option} ${value === "false" ? "false" : "true"}`.toUpperCase();
  });
  return options && ` WITH ${options.join(", ")}`;
}

function takeGrantor(cursor: Cursor): string | undefined {
  if (!takeWord(cursor, "granted")) return "NULL";
  return takeWord(cursor, "by") && takeRoleSpecification(cursor);
}

function isAtEnd(cursor: Cursor): boolean {
  while (takeSign(cursor, ";"));
  return cursor.at === cursor.tokens.length;
}

function literal(value: string): string {
  const quoted = `'${value.replaceAll("'", "''")}'`;
  return value.includes("\\") ? `E${quoted.replaceAll("\\", "\\\\")}` : quoted;
}

/** https://www.postgresql.org/docs/current/sql-keywords-appendix.html: those that cannot name a role without quotes. */
const reservedWords: ReadonlySet<string> = new Set(
  `all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation
  column concurrently constraint create cross current_catalog current_date current_role current_schema current_time
  current_timestamp current_user default deferrable desc distinct do else end except false fetch for foreign freeze
  from full grant group having ilike in initially inner intersect into is isnull join lateral leading left like limit
  localtime localtimestamp natural not notnull null offset on only or order outer overlaps placing primary references
  returning right select session_user similar some symmetric system_user table tablesample then to trailing true union
  unique user using variadic verbose when where window with`.split(/\s+/),
);

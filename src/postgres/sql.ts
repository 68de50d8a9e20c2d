/** The only file that quotes. Everything that goes into SQL text by name or by value passes through here. */

/** A quoted identifier. Always quoted: no list of reserved words to keep, and upper case survives. */
export function ident(name: string): string {
  if (name.includes("\0")) throw new TypeError("an identifier cannot hold a NUL character");
  return `"${name.replaceAll('"', '""')}"`;
}

/** A name qualified by its schema. */
export function qualified(schema: string, name: string): string {
  return `${ident(schema)}.${ident(name)}`;
}

/** A list of quoted identifiers. */
export function identList(names: readonly string[]): string {
  return names.map(ident).join(", ");
}

/** A string literal, good whatever standard_conforming_strings says. */
export function literal(value: string): string {
  if (value.includes("\0")) throw new TypeError("a literal cannot hold a NUL character");
  const doubled = value.replaceAll("'", "''");
  return value.includes("\\") ? `E'${doubled.replaceAll("\\", "\\\\")}'` : `'${doubled}'`;
}

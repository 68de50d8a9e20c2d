import { PolicyError } from "../domain/policy-parser.ts";

/** What YAML or JSON says. Throws a PolicyError with the lines of every fault; a key that is there twice is one. */
export async function parsePolicyText(text: string): Promise<unknown> {
  const { parseDocument } = await import("yaml");
  const document = parseDocument(text, { prettyErrors: false });
  if (document.errors.length > 0) {
    const lineOf = (offset: number) => text.slice(0, offset).split("\n").length;
    throw new PolicyError(
      document.errors.slice(0, 20).map(({ code, pos }) => ({
        pointer: "",
        detail: `is no valid YAML at line ${lineOf(pos[0])} (${code.toLowerCase().replaceAll("_", " ")})`,
      })),
    );
  }
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch {
    throw new PolicyError([{ pointer: "", detail: "uses more aliases than are followed" }]);
  }
}

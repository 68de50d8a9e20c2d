import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** Prints an ID token of one of the running local cloud's principals: npm run --silent token -- alice@example.com */

const path = join(process.cwd(), ".local", "cloud.json");

/** What is told without a stack trace. */
class Complaint extends Error {
  override readonly name = "Complaint";
}

interface LocalIssuer {
  readonly token_url: string;
  readonly principals: readonly { readonly email: string }[];
}

async function readIssuer(): Promise<LocalIssuer> {
  try {
    return JSON.parse(await readFile(path, "utf8")).issuer;
  } catch {
    throw new Complaint(`No local cloud runs from this directory (there is no ${path}): npm run local`);
  }
}

async function readToken(email: string): Promise<string> {
  const { token_url, principals } = await readIssuer();
  const known = principals.map((principal) => `  ${principal.email}`).join("\n");
  if (email === "")
    throw new Complaint(`Usage: npm run --silent token -- EMAIL\n\nEMAIL is one of:\n${known}`);
  const url = `${token_url}?${new URLSearchParams({ email })}`;
  const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
  if (answer?.status === 404) throw new Complaint(`There is no ${email} here. Known are:\n${known}`);
  if (answer?.status !== 200) throw new Complaint(`The local cloud gives no token at ${token_url} now`);
  const { id_token } = (await answer.json()) as { readonly id_token: string };
  return id_token;
}

try {
  process.stdout.write(`${await readToken(process.argv[2]?.trim() ?? "")}\n`);
} catch (error) {
  if (!(error instanceof Complaint)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}

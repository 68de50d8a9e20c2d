import { createHash, createHmac, pbkdf2, randomBytes, randomInt } from "node:crypto";
import { promisify } from "node:util";

const derive = promisify(pbkdf2);
const iterations = 4096;
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";
const kinds = [/[A-Z]/, /[a-z]/, /[0-9]/, /[-_.~]/];

/** 40 characters of four kinds, which need no quoting in a URL: 240 bits. */
export function generatePassword(): string {
  for (;;) {
    const password = Array.from({ length: 40 }, () => alphabet[randomInt(alphabet.length)]).join("");
    if (kinds.every((kind) => kind.test(password))) return password;
  }
}

/**
 * What PostgreSQL stores of a password: it takes this instead of the password itself, which so never reaches its log
 * (RFC 5803; https://www.postgresql.org/docs/current/catalog-pg-authid.html). For ASCII passwords: others would have to
 * be normalised first.
 */
export async function scramVerifier(password: string, salt: Buffer = randomBytes(16)): Promise<string> {
  if (!/^[\x20-\x7e]+$/.test(password)) throw new TypeError("only printable ASCII is turned into a verifier");
  const salted = await derive(password, salt, iterations, 32, "sha256");
  const keyed = (text: string) => createHmac("sha256", salted).update(text).digest();
  const stored = createHash("sha256").update(keyed("Client Key")).digest("base64");
  const server = keyed("Server Key").toString("base64");
  return `SCRAM-SHA-256$${iterations}:${salt.toString("base64")}$${stored}:${server}`;
}

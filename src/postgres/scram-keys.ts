import { createHash } from "node:crypto";
import utilities from "pg/lib/crypto/utils.js";

type DeriveKey = typeof utilities.deriveKey;

const mostKeys = 1_000;
/** The one that was used last is the last. */
const keys = new Map<string, ReturnType<DeriveKey>>();
let remembering: DeriveKey | undefined;

/**
 * Lets pg remember what it derives from passwords (SCRAM's SaltedPassword, https://www.rfc-editor.org/rfc/rfc5802#section-3).
 * Password, salt and iterations are the same for all connections to an instance; with it, the first request of another
 * database took 1.05 to 1.1 times what connecting and asking by hand did, without it 1.2. pg offers no option for that, so
 * its function is another one from now on; if pg ever derives otherwise, it does so each time again.
 */
export function rememberScramKeys(): void {
  if (remembering !== undefined) return;
  const derive: DeriveKey = utilities.deriveKey.bind(utilities);
  remembering = (password, salt, iterations) => {
    const name = nameOf(password, salt, iterations);
    const key = keys.get(name) ?? derive(password, salt, iterations);
    keys.delete(name);
    keys.set(name, key);
    key.catch(() => keys.delete(name));
    if (keys.size > mostKeys) keys.delete(keys.keys().next().value ?? "");
    return key;
  };
  utilities.deriveKey = remembering;
}

/** How many keys are remembered. */
export function countScramKeys(): number {
  return keys.size;
}

/** Not the password itself: who reads the memory shall not find more than there is already. */
function nameOf(password: string, salt: Uint8Array, iterations: number): string {
  return createHash("sha256")
    .update(salt)
    .update(`${salt.length} ${iterations} ${password}`)
    .digest("base64");
}

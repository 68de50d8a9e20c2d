import { createHash } from "node:crypto";

const longestId = 255;

/**
 * The id of the secret that holds a built-in user's password: `{instance}__user__{name}`. Neither an instance's name nor
 * an encoded user's holds `__`, so two users never share one, and none is taken for the admin's.
 * Secret ids have letters, digits, `_` and `-` (https://docs.cloud.google.com/secret-manager/docs/reference/rest).
 */
export function userSecretId(instance: string, username: string): string {
  const id = `${instance}__user__${encodeUser(username)}`;
  if (id.length <= longestId) return id;
  return `${instance}__userhash__${createHash("sha256").update(username).digest("hex")}`;
}

/** Letters, digits and single hyphens as they are; every other byte as `_` and two hex digits. */
function encodeUser(name: string): string {
  return Buffer.from(name, "utf8").reduce((encoded, byte) => {
    const char = String.fromCharCode(byte);
    return encoded + (/[A-Za-z0-9-]/.test(char) ? char : `_${byte.toString(16).padStart(2, "0")}`);
  }, "");
}

import { invalidArgument } from "../grpc-server.ts";

const PROJECT = "[a-z0-9](?:[a-z0-9:.-]{0,61}[a-z0-9])?";
const LOCATION = "[a-z]+(?:-[a-z]+)+[0-9]+";
const PARENT = new RegExp(`^projects/${PROJECT}(?:/locations/${LOCATION})?$`);
const SECRET_ID = /^[A-Za-z0-9_-]{1,255}$/;
const VERSION_ID = /^(?:latest|[1-9][0-9]{0,18}|[A-Za-z][A-Za-z0-9_-]{0,62})$/;

/** `projects/P` or `projects/P/locations/R`. */
export function parseParent(parent: string): string {
  if (!PARENT.test(parent)) {
    throw invalidArgument(
      `The parent [${parent}] does not match the expected format [projects/*] or [projects/*/locations/*].`,
    );
  }
  return parent;
}

export function parseSecretId(id: string): string {
  if (!SECRET_ID.test(id)) {
    throw invalidArgument(
      `The provided Secret ID [${id}] does not match the expected format [[a-zA-Z_0-9-]+], of at most 255 characters.`,
    );
  }
  return id;
}

export function isRegional(name: string): boolean {
  return name.includes("/locations/");
}

/** Checks `projects/P/secrets/S` or `projects/P/locations/R/secrets/S` and gives it back. */
export function parseSecretName(name: string): string {
  const at = name.indexOf("/secrets/");
  if (at < 0 || name.includes("/versions/")) {
    throw invalidArgument(`The secret name [${name}] is not of the form [projects/*/secrets/*].`);
  }
  return `${parseParent(name.slice(0, at))}/secrets/${parseSecretId(name.slice(at + "/secrets/".length))}`;
}

/** Splits a secret version's name; `version` is a number, an alias, or `latest`. */
export function parseVersionName(name: string): { secret: string; version: string } {
  const at = name.indexOf("/versions/");
  const version = name.slice(at + "/versions/".length);
  if (at < 0 || !VERSION_ID.test(version)) {
    throw invalidArgument(`The version name [${name}] is not of the form [projects/*/secrets/*/versions/*].`);
  }
  return { secret: parseSecretName(name.slice(0, at)), version };
}

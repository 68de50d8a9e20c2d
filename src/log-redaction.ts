const hidden = "[redacted]";

const secretKey =
  /(password|passwd|passphrase|authorization|cookie|token|secret|verifier|api_?key|private_?key|credential)s?$/i;

/** What was found out about names so far: a log has few of them, and each many times. */
const known = new Map<string, boolean>();
const mostKnown = 1_000;

/** Whether a field of this name is never to be shown, whatever it holds. */
export function isSecretKey(key: string): boolean {
  const before = known.get(key);
  if (before !== undefined) return before;
  const isSecret = secretKey.test(key);
  if (known.size < mostKnown) known.set(key, isSecret);
  return isSecret;
}

/** Cheap, and true for every text that one of the patterns below would change. */
const suspicious =
  /SCRAM-SHA-256\$|md5[0-9a-f]{32}|bearer |ya29\.|eyJ|:\/\/[^\s/"\\@]*:|password|PRIVATE KEY/i;

// Each of them also works on text that is JSON already and leaves it valid JSON: none eats a quote or half
// an escape. There is no \b before a pattern, since a line feed is the two characters \n there.
const patterns: readonly [pattern: RegExp, replacement: string][] = [
  [/SCRAM-SHA-256\$[0-9A-Za-z+/=:$]+/g, `SCRAM-SHA-256$${hidden}`],
  [/md5[0-9a-f]{32}(?![0-9a-f])/g, hidden],
  [/(bearer) +[0-9A-Za-z._~+/=-]+/gi, `$1 ${hidden}`],
  [/ya29\.[0-9A-Za-z._-]+/g, hidden],
  [/eyJ[0-9A-Za-z_-]{4,}\.[0-9A-Za-z_-]*(\.[0-9A-Za-z_-]*)?/g, hidden],
  [/(:\/\/[^\s/:@"\\]*:)[^\s/@"\\]+@/g, `$1${hidden}@`],
  [/(password(?:\s|\\[nrt])+(?:e|u&)?')(?:[^'"\\]|''|\\.)*'/gi, `$1${hidden}'`],
  [/(password=)[^\s&"'\\]+/gi, `$1${hidden}`],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[^"\\-]|\\[nr])*(-----END [A-Z ]*PRIVATE KEY-----)?/g, hidden],
];

/** Takes whatever looks like a password, a verifier, a token or a private key out of a text in JSON's notation. */
export function redactText(text: string): string {
  if (!suspicious.test(text)) return text;
  return patterns.reduce((result, [pattern, replacement]) => result.replace(pattern, replacement), text);
}

/** The same for a text that is not in JSON's notation. */
export function redactPlainText(text: string): string {
  return suspicious.test(text) ? JSON.parse(redactText(JSON.stringify(text))) : text;
}

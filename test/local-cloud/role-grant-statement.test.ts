import assert from "node:assert/strict";
import { test } from "node:test";
import { roleGrantCall } from "../../src/local-cloud/role-grant-statement.ts";

/** The arguments after the text itself. */
function argumentsOf(text: string): string | undefined {
  const call = roleGrantCall(text);
  const quoted = `'${text.replaceAll("'", "''")}'`;
  const start = `CALL pg_catalog.cloudsql_change_membership(${quoted}, `;
  assert.ok(call === undefined || call.startsWith(start), call);
  return call?.slice(start.length, -1);
}

const calls: Record<string, string> = {
  "GRANT a TO b": `'GRANT', '', ARRAY['a']::text[], ARRAY['b']::text[], '', NULL, ''`,
  "grant A to B;": `'GRANT', '', ARRAY['a']::text[], ARRAY['b']::text[], '', NULL, ''`,
  'GRANT "A b","c""d"TO "e,f" ; ; ': `'GRANT', '', ARRAY['A b', 'c"d']::text[], ARRAY['e,f']::text[], '', NULL, ''`,
  "GRANT a, b TO CURRENT_USER, session_user, c": `'GRANT', '', ARRAY['a', 'b']::text[], ARRAY[current_user::text, session_user::text, 'c']::text[], '', NULL, ''`,
  "GRANT a TO b WITH ADMIN OPTION": `'GRANT', '', ARRAY['a']::text[], ARRAY['b']::text[], ' WITH ADMIN TRUE', NULL, ''`,
  "GRANT a TO b WITH INHERIT FALSE, SET true GRANTED BY CURRENT_ROLE": `'GRANT', '', ARRAY['a']::text[], ARRAY['b']::text[], ' WITH INHERIT FALSE, SET TRUE', current_user::text, ''`,
  "REVOKE a FROM b": `'REVOKE', '', ARRAY['a']::text[], ARRAY['b']::text[], '', NULL, ''`,
  "REVOKE ADMIN OPTION FOR a FROM b CASCADE": `'REVOKE', 'ADMIN OPTION FOR ', ARRAY['a']::text[], ARRAY['b']::text[], '', NULL, ' CASCADE'`,
  "REVOKE admin, set FROM b GRANTED BY cloudsqladmin": `'REVOKE', '', ARRAY['admin', 'set']::text[], ARRAY['b']::text[], '', 'cloudsqladmin', ''`,
  "/* a /* nested */ comment */ GRANT -- to whom?\n a\tTO\nb --": `'GRANT', '', ARRAY['a']::text[], ARRAY['b']::text[], '', NULL, ''`,
  'GRANT "it\'s" TO b': `'GRANT', '', ARRAY['it''s']::text[], ARRAY['b']::text[], '', NULL, ''`,
};

for (const [text, expected] of Object.entries(calls)) {
  test(`becomes a call: ${JSON.stringify(text)}`, () => assert.equal(argumentsOf(text), expected));
}

test("a name with a backslash is quoted so that it means itself", () => {
  assert.match(String(roleGrantCall('GRANT "a\\b" TO c')), /ARRAY\[E'a\\\\b'\]/);
});

for (const text of [
  "",
  "SELECT 1",
  "GRANTa TO b",
  "GRANT",
  "GRANT a",
  "GRANT a TO",
  "GRANT a TO b c",
  "GRANT a b TO c",
  "GRANT a, TO b",
  "GRANT SELECT ON t TO b",
  "GRANT usage ON SCHEMA a TO b",
  "GRANT ALL PRIVILEGES ON t TO b",
  "GRANT select TO b",
  "GRANT a TO public",
  "GRANT a TO none",
  "GRANT a TO b WITH GRANT OPTION",
  "GRANT a TO b WITH",
  "GRANT a TO b WITH ADMIN",
  "GRANT a TO b GRANTED CURRENT_USER",
  "GRANT a TO b CASCADE",
  "GRANT a FROM b",
  "REVOKE a TO b",
  "REVOKE GRANT OPTION FOR a FROM b",
  "REVOKE a FROM b WITH ADMIN OPTION",
  "GRANT a TO b; GRANT c TO d",
  "BEGIN; GRANT a TO b",
  "GRANT a TO $1",
  "GRANT 'a' TO b",
  'GRANT "a TO b',
  'GRANT "" TO b',
  'GRANT U&"a" TO b',
  "GRANT a TO b /* open",
  `GRANT ${"a".repeat(64)} TO b`,
]) {
  test(`passes as it is: ${JSON.stringify(text)}`, () => assert.equal(roleGrantCall(text), undefined));
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32c } from "../../src/google/crc32c.ts";
import { createSecretVersions } from "../../src/google/secret-versions.ts";

test("the checksum is that of the published test vectors", () => {
  // RFC 3720, appendix B.4.
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, index) => index)), 0x46dd794e);
  assert.equal(crc32c(new TextEncoder().encode("123456789")), 0xe3069283);
  assert.equal(crc32c(new Uint8Array()), 0);
});

test("a region is asked for its secrets only where it has an endpoint", async () => {
  const asked: string[] = [];
  const hostExists = async (host: string) => {
    asked.push(host);
    return host.includes("europe-west1");
  };
  const versions = createSecretVersions({ hostExists });
  assert.equal(await versions.isRegional("europe-west1"), true);
  assert.equal(await versions.isRegional("us-west9"), false);
  assert.deepEqual(asked, [
    "secretmanager.europe-west1.rep.googleapis.com",
    "secretmanager.us-west9.rep.googleapis.com",
  ]);
  const local = createSecretVersions({ hostExists, endpoint: "127.0.0.1:1234" });
  assert.equal(await local.isRegional("us-west9"), true);
  assert.equal(asked.length, 2);
});

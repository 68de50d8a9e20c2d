import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import {
  type AccessTokens,
  createAccessTokens,
  iamDatabaseLogin,
} from "../../src/local-cloud/access-tokens.ts";
import { type MetadataServer, startMetadataServer } from "../../src/local-cloud/metadata-server.ts";

const email = "manager@demo-project.iam.gserviceaccount.com";
let tokens: AccessTokens;
let server: MetadataServer;

before(async () => {
  tokens = createAccessTokens();
  server = await startMetadataServer({ projectId: "demo-project", email, tokens });
});

after(() => server.stop());

function get(
  path: string,
  headers: Record<string, string> = { "Metadata-Flavor": "Google" },
): Promise<Response> {
  return fetch(`http://${server.host}${path}`, { headers });
}

test("google-auth-library finds project, principal and a token there, unchanged", async () => {
  const program = `
    import { GoogleAuth } from "google-auth-library";
    const auth = new GoogleAuth({ scopes: ["https://www.googleapis.com/auth/cloud-platform"] });
    const client = await auth.getClient();
    const token = await auth.getAccessToken();
    const credentials = await auth.getCredentials();
    console.log(JSON.stringify({ kind: client.constructor.name, project: await auth.getProjectId(), token,
      email: credentials.client_email, universe: await auth.getUniverseDomain() }));`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", program], {
    env: {
      PATH: process.env.PATH,
      GCE_METADATA_HOST: server.host,
      METADATA_SERVER_DETECTION: "assume-present",
      GOOGLE_CLOUD_PROJECT: "demo-project",
      CLOUDSDK_CONFIG: "/nonexistent",
    },
    cwd: import.meta.dirname,
  });
  const { token, ...rest } = JSON.parse(stdout);
  assert.deepEqual(rest, {
    kind: "Compute",
    project: "demo-project",
    email,
    universe: "googleapis.com",
  });
  assert.equal(tokens.readEmail(token), email);
});

test("a request without the Metadata-Flavor header, or one that was forwarded, is refused", async () => {
  const path = "/computeMetadata/v1/instance/service-accounts/default/token";
  assert.equal((await get(path, {})).status, 403);
  assert.equal((await get(path, { "Metadata-Flavor": "Google", "X-Forwarded-For": "10.0.0.1" })).status, 403);
  const answer = await get(path);
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get("metadata-flavor"), "Google");
  const body = (await answer.json()) as { expires_in: number; token_type: string };
  assert.equal(body.token_type, "Bearer");
  assert.ok(body.expires_in > 3500 && body.expires_in <= 3600);
});

test("what the machine does not know is a 404 in the metadata server's flavour", async () => {
  const answer = await get("/computeMetadata/v1/instance/attributes/nothing");
  assert.equal(answer.status, 404);
  assert.equal(answer.headers.get("metadata-flavor"), "Google");
});

test("a token says nothing when it has expired or was never issued", () => {
  assert.equal(tokens.readEmail(tokens.issue(email).token), email);
  assert.equal(tokens.readEmail(tokens.issue(email, 0).token), undefined);
  assert.equal(tokens.readEmail("ya29.local-guess"), undefined);
});

test("the login of an IAM principal is its address, a service account's without the long suffix", () => {
  assert.equal(iamDatabaseLogin("Alice@Example.com"), "alice@example.com");
  assert.equal(iamDatabaseLogin(email), "manager@demo-project.iam");
  assert.equal(iamDatabaseLogin("123-compute@developer.gserviceaccount.com"), "123-compute@developer");
});

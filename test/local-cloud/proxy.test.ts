import assert from "node:assert/strict";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import type { Duplex } from "node:stream";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { connect, type TLSSocket } from "node:tls";
import {
  type CertificateAuthority,
  createCertificateAuthority,
  parsePublicKey,
} from "../../src/local-cloud/certificates.ts";
import type { Login } from "../../src/local-cloud/door.ts";
import {
  proxyPort,
  type ServerSideProxy,
  startServerSideProxy,
} from "../../src/local-cloud/server-side-proxy.ts";
import { until } from "../support/until.ts";

const keys = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs1", format: "pem" },
});

let authority: CertificateAuthority;
let proxy: ServerSideProxy;
const logins: Login[] = [];

function echo(stream: Duplex, login: Login): void {
  logins.push(login);
  stream.on("error", () => {});
  stream.pipe(stream);
}

before(async () => {
  authority = createCertificateAuthority();
  proxy = await startServerSideProxy({ commonName: "demo-project:orders-db", authority, accept: echo });
});

after(() => proxy.stop());

function issue(options: { by?: CertificateAuthority; lifetimeMs?: number; iamLogin?: string } = {}): string {
  const { by = authority, lifetimeMs = 60_000, iamLogin } = options;
  return by.issueClientCertificate({ publicKey: parsePublicKey(keys.publicKey), lifetimeMs, iamLogin }).cert;
}

function open(cert: string | undefined, maxVersion: "TLSv1.2" | "TLSv1.3" = "TLSv1.3"): TLSSocket {
  return connect({
    host: proxy.address,
    port: proxyPort,
    ca: authority.cert,
    ...(cert === undefined ? {} : { cert, key: keys.privateKey }),
    maxVersion,
    checkServerIdentity: () => undefined,
  });
}

/** What comes back for "ping", or the code of the error that ended the connection. */
async function ping(socket: TLSSocket): Promise<string> {
  try {
    socket.write("ping");
    const [answer] = await once(socket, "data");
    return String(answer);
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : String(error);
  } finally {
    socket.destroy();
  }
}

test("a client with a certificate of the instance's authority gets through, over TLS 1.3", async () => {
  const socket = open(issue());
  await once(socket, "secureConnect");
  assert.equal(socket.getProtocol(), "TLSv1.3");
  assert.equal(socket.getPeerCertificate().subject.CN, "demo-project:orders-db");
  assert.equal(await ping(socket), "ping");
  assert.deepEqual(logins.at(-1), { kind: "password" });
});

test("a certificate that carries an IAM login hands that login on", async () => {
  assert.equal(await ping(open(issue({ iamLogin: "renée@example.com" }))), "ping");
  assert.deepEqual(logins.at(-1), { kind: "iam", user: "renée@example.com" });
});

test("a certificate of another instance's authority is refused", async () => {
  const count = logins.length;
  assert.match(await ping(open(issue({ by: createCertificateAuthority() }))), /^ECONNRESET$/);
  assert.equal(logins.length, count);
});

test("a client without a certificate is refused", async () => {
  const count = logins.length;
  assert.equal(await ping(open(undefined)), "ECONNRESET");
  assert.equal(logins.length, count);
});

test("an expired certificate is refused", async () => {
  assert.match(await ping(open(issue({ lifetimeMs: -1000 }))), /^ECONNRESET$/);
});

test("TLS 1.2 is refused", async () => {
  assert.match(await ping(open(issue(), "TLSv1.2")), /^(ERR_SSL|ECONNRESET|EPROTO)/);
});

test("a server certificate is of its own authority and no other", () => {
  const { cert } = authority.issueServerCertificate("demo-project:orders-db");
  const leaf = new X509Certificate(cert);
  assert.ok(leaf.checkIssued(new X509Certificate(authority.cert)));
  assert.ok(leaf.verify(new X509Certificate(authority.cert).publicKey));
  const other = createCertificateAuthority();
  assert.equal(leaf.verify(new X509Certificate(other.cert).publicKey), false);
  assert.equal(leaf.checkIssued(new X509Certificate(other.cert)), false);
});

test("a public key in any of the forms that connectors send is understood", () => {
  const pkcs1 = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey;
  const asPkcs1 = pkcs1.export({ type: "pkcs1", format: "pem" }).toString();
  const mislabelled = keys.publicKey.replaceAll("PUBLIC KEY", "RSA PUBLIC KEY");
  assert.ok(parsePublicKey(asPkcs1).equals(pkcs1));
  assert.ok(parsePublicKey(mislabelled).equals(parsePublicKey(keys.publicKey)));
  assert.throws(() => parsePublicKey("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"));
  assert.throws(() => parsePublicKey("hello"));
});

test("two proxies listen on the one port, each on an address of its own", async () => {
  const second = await startServerSideProxy({ commonName: "p:second", authority, accept: echo });
  try {
    assert.notEqual(second.address, proxy.address);
    assert.match(second.address, /^127\./);
    assert.equal(second.port, proxy.port);
  } finally {
    await second.stop();
  }
});

test("a refusing proxy keeps live connections, refuses new ones, and listens again on its address", async () => {
  const live = open(issue());
  await once(live, "secureConnect");
  await proxy.setBehaviour("refusing");
  assert.equal(await ping(open(issue())), "ECONNREFUSED");
  assert.equal(await ping(live), "ping");
  await proxy.setBehaviour("ok");
  assert.equal(await ping(open(issue())), "ping");
});

test("a resetting proxy resets what connects, and dropping resets what lives", async () => {
  const live = open(issue());
  await once(live, "secureConnect");
  await proxy.setBehaviour("resetting");
  assert.equal(await ping(open(issue())), "ECONNRESET");
  const dropped = once(live, "error");
  proxy.dropConnections();
  const [error] = await dropped;
  assert.equal(error.code, "ECONNRESET");
  await proxy.setBehaviour("ok");
});

test("a silent proxy takes connections and never answers", async () => {
  await proxy.setBehaviour("silent");
  const socket = open(issue());
  const events: string[] = [];
  for (const event of ["secureConnect", "error", "close"]) socket.on(event, () => events.push(event));
  const raw = connectTcp(proxyPort, proxy.address);
  await once(raw, "connect");
  await pause(100);
  assert.deepEqual(events, []);
  socket.destroy();
  raw.destroy();
  await proxy.setBehaviour("ok");
  assert.equal(await until(async () => (await ping(open(issue()))) === "ping"), true);
});

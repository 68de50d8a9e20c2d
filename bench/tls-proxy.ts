import { generateKeyPairSync } from "node:crypto";
import { createCertificateAuthority } from "../src/local-cloud/certificates.ts";
import type { PostgresServer } from "../src/local-cloud/postgres-server.ts";
import { startServerSideProxy } from "../src/local-cloud/server-side-proxy.ts";

/** What a client of the server-side proxy needs. */
export interface TlsAddress {
  readonly host: string;
  readonly port: number;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** The local cloud's server-side proxy in front of a server, and a client's certificate for it. */
export async function startTlsProxy(server: PostgresServer) {
  const authority = createCertificateAuthority();
  const proxy = await startServerSideProxy({
    commonName: "bench-project:bench-db",
    authority,
    accept: (stream, login) => server.accept(stream, login),
  });
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const { cert } = authority.issueClientCertificate({ publicKey, lifetimeMs: 3_600_000 });
  const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const address: TlsAddress = { host: proxy.address, port: proxy.port, ca: authority.cert, cert, key };
  return { address, stop: () => proxy.stop() };
}

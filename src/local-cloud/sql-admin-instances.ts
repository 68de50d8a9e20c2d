import { createHash, X509Certificate } from "node:crypto";
import type { AccessTokens } from "./access-tokens.ts";
import { iamDatabaseLogin } from "./access-tokens.ts";
import { type CertificateAuthority, parsePublicKey } from "./certificates.ts";
import { invalidRequest } from "./sql-admin-errors.ts";

/** What the API says about an instance. */
export interface InstanceFacts {
  readonly projectId: string;
  readonly region: string;
  readonly name: string;
  readonly major: number;
  /** The loopback address of the instance's server-side proxy. */
  readonly address: string;
  readonly authority: CertificateAuthority;
}

const hourMs = 3600_000;

function describeCertificate(instance: string, cert: string, commonName: string): Record<string, unknown> {
  const parsed = new X509Certificate(cert);
  return {
    kind: "sql#sslCert",
    certSerialNumber: BigInt(`0x${parsed.serialNumber}`).toString(),
    cert,
    createTime: parsed.validFromDate.toISOString(),
    expirationTime: parsed.validToDate.toISOString(),
    commonName,
    sha1Fingerprint: createHash("sha1").update(parsed.raw).digest("hex"),
    instance,
  };
}

function ipAddresses(address: string): readonly Record<string, unknown>[] {
  return [
    { type: "PRIMARY", ipAddress: address },
    { type: "PRIVATE", ipAddress: address },
  ];
}

export function describeConnectSettings(instance: InstanceFacts): Record<string, unknown> {
  return {
    kind: "sql#connectSettings",
    connectionName: `${instance.projectId}:${instance.region}:${instance.name}`,
    serverCaCert: describeCertificate(instance.name, instance.authority.cert, "Google Cloud SQL Server CA"),
    serverCaMode: "GOOGLE_MANAGED_INTERNAL_CA",
    ipAddresses: ipAddresses(instance.address),
    region: instance.region,
    databaseVersion: `POSTGRES_${instance.major}`,
    backendType: "SECOND_GEN",
  };
}

export function describeInstance(instance: InstanceFacts, rootUrl: string): Record<string, unknown> {
  return {
    kind: "sql#instance",
    name: instance.name,
    project: instance.projectId,
    region: instance.region,
    connectionName: `${instance.projectId}:${instance.region}:${instance.name}`,
    databaseVersion: `POSTGRES_${instance.major}`,
    instanceType: "CLOUD_SQL_INSTANCE",
    backendType: "SECOND_GEN",
    state: "RUNNABLE",
    gceZone: `${instance.region}-b`,
    createTime: instance.authority.createdAt.toISOString(),
    ipAddresses: ipAddresses(instance.address),
    serverCaCert: describeCertificate(instance.name, instance.authority.cert, "Google Cloud SQL Server CA"),
    settings: {
      kind: "sql#settings",
      tier: "db-custom-1-3840",
      edition: "ENTERPRISE",
      activationPolicy: "ALWAYS",
      databaseFlags: [{ name: "cloudsql.iam_authentication", value: "on" }],
      ipConfiguration: { ipv4Enabled: true, sslMode: "ALLOW_UNENCRYPTED_AND_ENCRYPTED" },
    },
    selfLink: `${rootUrl}/sql/v1beta4/projects/${instance.projectId}/instances/${instance.name}`,
  };
}

/**
 * Signs the client's public key. With `access_token`, the certificate carries the IAM login of the token's
 * principal; without, it serves password logins.
 */
export function generateEphemeralCert(
  instance: InstanceFacts,
  body: Readonly<Record<string, unknown>>,
  options: { readonly tokens: AccessTokens; readonly lifetimeMs: number | undefined },
): Record<string, unknown> {
  const pem = body.public_key ?? body.publicKey;
  const token = body.access_token ?? body.accessToken;
  if (typeof pem !== "string") throw invalidRequest("public_key is required");
  let iamLogin: string | undefined;
  if (token !== undefined && token !== null && token !== "") {
    const email = typeof token === "string" ? options.tokens.readEmail(token) : undefined;
    if (email === undefined) throw invalidRequest("access_token is not valid");
    iamLogin = iamDatabaseLogin(email);
  }
  const lifetimeMs = options.lifetimeMs ?? parseValidDuration(body.validDuration ?? body.valid_duration);
  try {
    const publicKey = parsePublicKey(pem);
    const { cert } = instance.authority.issueClientCertificate({ publicKey, lifetimeMs, iamLogin });
    return { ephemeralCert: describeCertificate(instance.name, cert, "Google Cloud SQL client") };
  } catch (cause) {
    throw Object.assign(invalidRequest("public_key is not a valid PEM public key"), { cause });
  }
}

function parseValidDuration(value: unknown): number {
  if (value === undefined || value === null) return hourMs;
  const seconds = typeof value === "string" ? /^(\d+(?:\.\d+)?)s$/.exec(value)?.[1] : undefined;
  if (seconds === undefined) throw invalidRequest("validDuration must be like 3600s");
  return Math.min(Number(seconds) * 1000, hourMs);
}

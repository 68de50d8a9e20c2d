import {
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  randomUUID,
  sign,
} from "node:crypto";
import {
  bitString,
  boolean,
  context,
  integer,
  octetString,
  oid,
  sequence,
  set,
  time,
  utf8String,
} from "./der.ts";

/** The certificate authority of one instance, as Cloud SQL makes one for each. */
export interface CertificateAuthority {
  /** PEM. */
  readonly cert: string;
  readonly serial: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  issueServerCertificate(commonName: string): { readonly cert: string; readonly key: string };
  /** Binds a client's public key, for `lifetimeMs` (whole seconds), to a database login where one is given. */
  issueClientCertificate(options: ClientCertificateOptions): ClientCertificate;
}

export interface ClientCertificateOptions {
  readonly publicKey: KeyObject;
  readonly lifetimeMs: number;
  /** The IAM database login that the holder may use; none for password logins. */
  readonly iamLogin?: string | undefined;
}

export interface ClientCertificate {
  readonly cert: string;
  readonly serial: string;
  readonly expiresAt: Date;
}

/** The subject attribute that carries the IAM login, by the name under which node:tls shows it. */
export const iamLoginAttribute = "UID";

const clockSkewMs = 60_000;
const yearMs = 365 * 24 * 3600 * 1000;

const attributes = { CN: "2.5.4.3", O: "2.5.4.10", C: "2.5.4.6", UID: "0.9.2342.19200300.100.1.1" } as const;
type Name = readonly (readonly [keyof typeof attributes, string])[];

const ecdsaWithSha256 = sequence(oid("1.2.840.10045.4.3.2"));

function encodeName(name: Name): Buffer {
  return sequence(
    ...name.map(([attribute, value]) => set(sequence(oid(attributes[attribute]), utf8String(value)))),
  );
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return sequence(oid(id), ...(critical ? [boolean(true)] : []), octetString(value));
}

const caExtensions = [
  extension("2.5.29.19", true, sequence(boolean(true))),
  // keyCertSign and cRLSign: bits 5 and 6.
  extension("2.5.29.15", true, bitString(Buffer.from([0x06]), 1)),
];

function leafExtensions(purpose: "server" | "client"): Buffer[] {
  const usage = purpose === "server" ? "1.3.6.1.5.5.7.3.1" : "1.3.6.1.5.5.7.3.2";
  return [
    extension("2.5.29.19", true, sequence()),
    extension("2.5.29.15", true, bitString(Buffer.from([0x80]), 7)),
    extension("2.5.29.37", false, sequence(oid(usage))),
  ];
}

interface CertificateFields {
  readonly subject: Name;
  readonly issuer: Name;
  readonly publicKey: KeyObject;
  readonly issuerKey: KeyObject;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly extensions: readonly Buffer[];
}

function issue(fields: CertificateFields): { cert: string; serial: string } {
  const serial = randomBytes(16);
  serial[0] = (serial[0] ?? 0) & 0x7f;
  const toBeSigned = sequence(
    context(0, integer(Buffer.from([2]))),
    integer(serial),
    ecdsaWithSha256,
    encodeName(fields.issuer),
    sequence(time(fields.notBefore), time(fields.notAfter)),
    encodeName(fields.subject),
    fields.publicKey.export({ type: "spki", format: "der" }),
    context(3, sequence(...fields.extensions)),
  );
  const signature = sign("sha256", toBeSigned, fields.issuerKey);
  const der = sequence(toBeSigned, ecdsaWithSha256, bitString(signature));
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----`,
    serial: serial.toString("hex"),
  };
}

/** Makes an ECDSA P-256 certificate authority that lives ten years. */
export function createCertificateAuthority(): CertificateAuthority {
  const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const createdAt = new Date();
  const expiresAt = new Date(createdAt.getTime() + 10 * yearMs);
  const notBefore = new Date(createdAt.getTime() - clockSkewMs);
  const name: Name = [
    ["C", "US"],
    ["O", "Google, Inc"],
    ["CN", "Google Cloud SQL Server CA"],
    ["UID", randomUUID()],
  ];
  const signed = { issuer: name, issuerKey: pair.privateKey };
  const { cert, serial } = issue({
    ...signed,
    subject: name,
    publicKey: pair.publicKey,
    notBefore,
    notAfter: expiresAt,
    extensions: caExtensions,
  });
  return {
    cert,
    serial,
    createdAt,
    expiresAt,
    issueServerCertificate(commonName) {
      const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const server = issue({
        ...signed,
        subject: [
          ["C", "US"],
          ["O", "Google, Inc"],
          ["CN", commonName],
        ],
        publicKey: keys.publicKey,
        notBefore,
        notAfter: expiresAt,
        extensions: leafExtensions("server"),
      });
      return { cert: server.cert, key: keys.privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
    },
    issueClientCertificate({ publicKey, lifetimeMs, iamLogin }) {
      const now = Date.now();
      const clientExpiresAt = new Date(Math.floor((now + lifetimeMs) / 1000) * 1000);
      const client = issue({
        ...signed,
        subject: [
          ["O", "Google, Inc"],
          ["CN", "Google Cloud SQL client"],
          ...(iamLogin === undefined ? [] : ([[iamLoginAttribute, iamLogin]] as const)),
        ],
        publicKey,
        notBefore: new Date(now - clockSkewMs),
        notAfter: clientExpiresAt,
        extensions: leafExtensions("client"),
      });
      return { ...client, expiresAt: clientExpiresAt };
    },
  };
}

/**
 * Reads the public key of a certificate request. Accepts PEM of SPKI and of PKCS #1, and also SPKI under the label
 * "RSA PUBLIC KEY", which some of Google's connectors send. Throws when it is neither.
 */
export function parsePublicKey(pem: string): KeyObject {
  const body = /-----BEGIN (?:RSA )?PUBLIC KEY-----([A-Za-z0-9+/=\s]+)-----END (?:RSA )?PUBLIC KEY-----/.exec(
    pem,
  );
  if (!body?.[1]) throw new Error("not a PEM public key");
  const key = Buffer.from(body[1], "base64");
  try {
    return createPublicKey({ key, format: "der", type: "spki" });
  } catch {
    return createPublicKey({ key, format: "der", type: "pkcs1" });
  }
}

import type { AccessTokens } from "./access-tokens.ts";
import { type HttpAnswer, type HttpRequest, startLoopbackHttp } from "./loopback-http.ts";

export interface MetadataServerOptions {
  readonly projectId: string;
  /** The service account that this machine runs as. */
  readonly email: string;
  readonly tokens: AccessTokens;
  /** Makes an identity token for an audience. */
  readonly issueIdentityToken?: (email: string, audience: string) => Promise<string>;
  readonly port?: number | undefined;
}

export interface MetadataServer {
  /** `127.0.0.1:PORT`, for GCE_METADATA_HOST. */
  readonly host: string;
  stop(): Promise<void>;
}

const flavor = { "Metadata-Flavor": "Google", Server: "Metadata Server for VM" };
const scopes = [
  "https://www.googleapis.com/auth/cloud-platform",
  "https://www.googleapis.com/auth/sqlservice.admin",
];

/**
 * The metadata server of Compute Engine and Cloud Run, as far as credentials need it
 * (https://docs.cloud.google.com/compute/docs/metadata/predefined-metadata-keys).
 */
export async function startMetadataServer(options: MetadataServerOptions): Promise<MetadataServer> {
  const values = metadataValues(options);
  const http = await startLoopbackHttp((request) => answerMetadata(request, values), {
    port: options.port,
  });
  return { host: `${http.host}:${http.port}`, stop: http.stop };
}

type Plain = string | Record<string, unknown> | undefined;
type Value = Plain | Promise<Plain>;

function metadataValues(options: MetadataServerOptions): Map<string, (query: URLSearchParams) => Value> {
  const { projectId, email, tokens } = options;
  const account = (name: string): [string, (query: URLSearchParams) => Value][] => [
    [`instance/service-accounts/${name}/aliases`, () => "default"],
    [`instance/service-accounts/${name}/email`, () => email],
    [`instance/service-accounts/${name}/scopes`, () => scopes.join("\n")],
    [`instance/service-accounts/${name}/token`, () => readToken(tokens, email)],
    [`instance/service-accounts/${name}`, () => ({ aliases: ["default"], email, scopes })],
    [
      `instance/service-accounts/${name}/identity`,
      (query) => {
        const audience = query.get("audience") ?? "";
        return audience === "" ? undefined : options.issueIdentityToken?.(email, audience);
      },
    ],
  ];
  return new Map<string, (query: URLSearchParams) => Value>([
    ["project/project-id", () => projectId],
    ["project/numeric-project-id", () => "100000000001"],
    ["instance/id", () => "1000000000000000001"],
    ["instance/zone", () => "projects/100000000001/zones/local-1"],
    ["instance/region", () => "projects/100000000001/regions/local"],
    ["universe/universe-domain", () => "googleapis.com"],
    ["universe/universe_domain", () => "googleapis.com"],
    ["instance/service-accounts", () => `default/\n${email}/\n`],
    ...account("default"),
    ...account(email),
  ]);
}

function readToken(tokens: AccessTokens, email: string): Record<string, unknown> {
  const { token, expiresAt } = tokens.issue(email);
  const expiresInS = Math.floor((expiresAt.getTime() - Date.now()) / 1000);
  return { access_token: token, expires_in: expiresInS, token_type: "Bearer" };
}

async function answerMetadata(
  request: HttpRequest,
  values: ReadonlyMap<string, (query: URLSearchParams) => Value>,
): Promise<HttpAnswer> {
  const { pathname, searchParams } = request.url;
  if (request.method !== "GET") return { status: 405, headers: flavor, body: "Method Not Allowed\n" };
  if (pathname === "/") return { status: 200, headers: flavor, body: "computeMetadata/\n" };
  if (request.headers["metadata-flavor"] !== "Google" || request.headers["x-forwarded-for"] !== undefined) {
    return { status: 403, headers: flavor, body: "Missing Metadata-Flavor:Google header.\n" };
  }
  const key = decodeURIComponent(pathname)
    .replace(/^\/computeMetadata\/v1\/?/, "")
    .replace(/\/$/, "");
  if (key === "" || key === "instance")
    return { status: 200, headers: flavor, body: "instance/\nproject/\n" };
  const value = await values.get(key)?.(searchParams);
  return value === undefined
    ? { status: 404, headers: flavor, body: "Not Found\n" }
    : { status: 200, headers: flavor, body: value };
}

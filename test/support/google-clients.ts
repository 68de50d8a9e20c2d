import { Firestore } from "@google-cloud/firestore";
import { SecretManagerServiceClient } from "@google-cloud/secret-manager";
import { credentials } from "@grpc/grpc-js";

/** Keeps the Google clients of this process from asking the real metadata server, or gcloud, who they are. */
function stayOnLoopback(): void {
  process.env.METADATA_SERVER_DETECTION = "none";
  process.env.GOOGLE_CLOUD_PROJECT = "demo-project";
}

/** The real Secret Manager client on a stand-in. */
export function connectSecretManager(server: { host: string; port: number }): SecretManagerServiceClient {
  stayOnLoopback();
  return new SecretManagerServiceClient({
    apiEndpoint: server.host,
    port: server.port,
    projectId: "demo-project",
    sslCreds: credentials.createInsecure(),
  });
}

/** The real Firestore client on a stand-in (`host:port`); `terminate()` it. */
export function connectFirestore(
  host: string,
  options: { projectId?: string; databaseId?: string; ignoreUndefinedProperties?: boolean } = {},
): Firestore {
  stayOnLoopback();
  process.env.FIRESTORE_EMULATOR_HOST = host;
  return new Firestore({ projectId: "demo-project", ...options });
}

/** For assert.rejects: the error has this gRPC status code. */
export function withCode(code: number): (error: unknown) => boolean {
  return (error) => {
    const actual = (error as { code?: unknown }).code;
    if (actual !== code) throw new Error(`expected code ${code}, got ${String(actual)}: ${String(error)}`);
    return true;
  };
}

import type { Log } from "../log.ts";
import type { PolicySource } from "../operations/policy.ts";
import { createFirestoreClient, type FirestoreClientOptions } from "./firestore-client.ts";

export interface PolicyDocumentOptions extends FirestoreClientOptions {
  /** Such as `policies/main`. */
  readonly path: string;
  readonly log: Log;
}

const timeoutMs = 3_000;

/**
 * A policy in a document of Firestore: its fields as they are, or as YAML in one text field `yaml`. Without the document
 * there is no policy.
 */
export function createPolicyDocument(
  options: PolicyDocumentOptions,
): PolicySource & { close(): Promise<void> } {
  const client = createFirestoreClient({ timeoutMs, ...options });
  return {
    name: `the Firestore document ${options.path}`,
    async read(knownVersion) {
      const use = { deadline: client.newDeadline(), attempts: 2 };
      const snapshot = await client.use(use, (firestore) => firestore.doc(options.path).get());
      const fields: Readonly<Record<string, unknown>> | undefined = snapshot.data();
      if (fields === undefined) return "absent";
      const version = snapshot.updateTime?.toDate().toISOString() ?? "";
      const exact = `${version} ${snapshot.updateTime?.nanoseconds}`;
      if (exact === knownVersion) return "unchanged";
      const { yaml } = fields;
      return {
        version: exact,
        content: async () => (typeof yaml === "string" ? { text: yaml } : { fields }),
      };
    },
    close: client.close,
  };
}

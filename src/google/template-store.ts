import type { DocumentReference, Firestore } from "@google-cloud/firestore";
import type { Template } from "../domain/role-template.ts";
import { versionPattern } from "../domain/semantic-version.ts";
import { templateName } from "../domain/template-parser.ts";
import {
  type StoredTemplate,
  type TemplateWrite,
  unknownTemplate,
  withRetired,
  withVersion,
} from "../domain/template-versions.ts";
import type { TemplateStore } from "../operations/template-store.ts";
import { createFirestoreClient, type FirestoreClientOptions } from "./firestore-client.ts";
import { definitionFields, parseDefinition, parseStored, storedFields } from "./template-documents.ts";

export interface TemplateStoreOptions extends FirestoreClientOptions {
  readonly collection: string;
}

export interface FirestoreTemplateStore extends TemplateStore {
  close(): Promise<void>;
}

/** A version's definition never changes: so many are kept in memory. */
const mostDefinitions = 500;

/**
 * Custom templates in Firestore: one document per template, and below it `versions/{version}` with the definitions.
 */
export function createTemplateStore(options: TemplateStoreOptions): FirestoreTemplateStore {
  const { collection } = options;
  const client = createFirestoreClient(options);
  const definitions = new Map<string, Template>();
  const readUse = () => ({ deadline: client.newDeadline(), attempts: 3 });
  const documentOf = (firestore: Firestore, name: string): DocumentReference =>
    firestore.collection(collection).doc(name);

  /** Reads, decides and writes in one transaction, again from the start when another write came between. */
  function write(
    name: string,
    decide: (before: StoredTemplate | undefined) => TemplateWrite,
    definition?: Template,
  ): Promise<TemplateWrite> {
    return client.use(readUse(), (firestore, transact) =>
      transact(async (transaction) => {
        const document = documentOf(firestore, name);
        const result = decide(parseStored(await transaction.get(document)));
        if (!result.changed) return result;
        if (definition !== undefined) {
          const versions = document.collection("versions");
          transaction.set(versions.doc(definition.version), definitionFields(definition));
        }
        transaction.set(document, storedFields(result.template));
        return result;
      }),
    );
  }

  function keep(template: Template): void {
    if (definitions.size >= mostDefinitions) definitions.clear();
    definitions.set(keyOf(template.name, template.version), template);
  }

  return {
    list() {
      return client.use(readUse(), async (firestore) => {
        const { docs } = await firestore.collection(collection).orderBy("name").get();
        return docs.flatMap((document) => parseStored(document) ?? []);
      });
    },
    async read(name) {
      if (!templateName.test(name)) return undefined;
      return client.use(readUse(), async (firestore) => parseStored(await documentOf(firestore, name).get()));
    },
    async readVersion(name, version) {
      const kept = definitions.get(keyOf(name, version));
      if (kept !== undefined) return kept;
      // They may come from a role's comment, and not every text is the id of a document.
      if (!templateName.test(name) || !versionPattern.test(version)) return undefined;
      const found = await client.use(readUse(), async (firestore) => {
        const document = documentOf(firestore, name).collection("versions").doc(version);
        return parseDefinition(await document.get());
      });
      if (found !== undefined) keep(found);
      return found;
    },
    add(template, as, author) {
      const authorship = { author, at: new Date() };
      return write(template.name, (before) => withVersion(before, template, as, authorship), template);
    },
    async retire(name, version, author) {
      if (!templateName.test(name)) throw unknownTemplate(name);
      const authorship = { author, at: new Date() };
      return write(name, (before) => withRetired(before, name, version, authorship));
    },
    close: client.close,
  };
}

function keyOf(name: string, version: string): string {
  return `${name}@${version}`;
}

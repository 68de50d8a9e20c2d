import type { TLSSocket } from "node:tls";
import { connectionName, type Instance } from "../domain/target.ts";
import { sharingSecureContext } from "./secure-context.ts";

/** The part of @google-cloud/cloud-sql-connector that is used. */
export type ConnectorLibrary = Pick<
  typeof import("@google-cloud/cloud-sql-connector"),
  "Connector" | "GoogleAuth" | "IpAddressTypes"
>;

export type IpType = "PRIVATE" | "PUBLIC" | "PSC";

export interface InstanceLookupOptions {
  /** The root of the Cloud SQL Admin API; without it, Google's. */
  readonly sqlAdminEndpoint?: string | undefined;
  readonly ipType: IpType;
  /** A request to the Admin API that takes longer is aborted, and tried again by the library. */
  readonly requestTimeoutMs: number;
  readonly loadConnector?: (() => Promise<ConnectorLibrary>) | undefined;
}

/** Opens a connection to the instance with the address and the certificate that a look-up brought. */
export type OpenSocket = () => TLSSocket;

const scope = "https://www.googleapis.com/auth/sqlservice.admin";

/**
 * Looks up an instance's address and a client certificate, once, and never again by itself.
 *
 * A Connector keeps them fresh in the background, and that is where it can end the process or get stuck: a refresh
 * that fails before the first connection is an unhandled rejection and wedges the instance for good, a failed
 * look-up is remembered and answered again, and a failover waits for its rate limit. So each look-up has a
 * Connector of its own, which is closed as soon as it has answered: a closed one refreshes nothing, and still makes
 * sockets. One that failed has nothing to close (closing it would be an unhandled rejection) and is dropped.
 * https://github.com/GoogleCloudPlatform/cloud-sql-nodejs-connector/blob/v1.13.0/src/cloud-sql-instance.ts
 */
export function createInstanceLookup(
  options: InstanceLookupOptions,
): (instance: Instance) => Promise<OpenSocket> {
  const { sqlAdminEndpoint, ipType, requestTimeoutMs } = options;
  const loadConnector = options.loadConnector ?? (() => import("@google-cloud/cloud-sql-connector"));
  type Auth = InstanceType<ConnectorLibrary["GoogleAuth"]>;
  // Shared by the look-ups, for its access token.
  let auth: Auth | undefined;

  const createAuth = ({ GoogleAuth }: ConnectorLibrary): Auth =>
    new GoogleAuth({
      scopes: [scope],
      clientOptions: { transporterOptions: { timeout: requestTimeoutMs } },
    });

  return async (instance) => {
    const library = await loadConnector();
    auth ??= createAuth(library);
    const connector = new library.Connector({
      auth,
      ...(sqlAdminEndpoint === undefined ? {} : { sqlAdminAPIEndpoint: sqlAdminEndpoint }),
    });
    try {
      const { stream } = await connector.getOptions({
        instanceConnectionName: connectionName(instance),
        ipType: library.IpAddressTypes[ipType],
      });
      // In the same turn: the refresh of a short-lived certificate is due at once.
      connector.close();
      return sharingSecureContext(() => stream() as TLSSocket);
    } catch (error) {
      // It may be the credentials that are stuck: it remembers that there was no metadata server.
      auth = undefined;
      throw error;
    }
  };
}

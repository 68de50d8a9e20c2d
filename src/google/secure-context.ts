import tls, { type SecureContext } from "node:tls";

/**
 * Lets the sockets that a function makes share one security context: certificate, key and authority are the same for
 * all that came of one look-up, and the connector makes a context for each socket, which costs 37 KiB and parsing them
 * again. It offers no option for that, so `tls.createSecureContext` is another one while the function runs, which it
 * does in one turn. If the connector ever makes its contexts otherwise, each socket has its own again.
 * https://github.com/GoogleCloudPlatform/cloud-sql-nodejs-connector/blob/v1.13.0/src/socket.ts
 */
export function sharingSecureContext<Made>(make: () => Made): () => Made {
  let shared: SecureContext | undefined;
  return () => {
    const { createSecureContext } = tls;
    tls.createSecureContext = (options) => {
      shared ??= createSecureContext(options);
      return shared;
    };
    try {
      return make();
    } finally {
      tls.createSecureContext = createSecureContext;
    }
  };
}

import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { localDirectory } from "./claim.ts";
import type { LocalCloud } from "./cloud.ts";
import type { LocalInstance } from "./local-instance.ts";
import { ADMIN, SUPERUSER } from "./postgres-bootstrap.ts";

/** What a running local cloud says about itself in `.local/cloud.json`. */
export function describeCloud(cloud: LocalCloud, serviceUrl: string | null): Record<string, unknown> {
  return {
    service: serviceUrl === null ? null : { url: serviceUrl },
    service_url: serviceUrl,
    project_id: cloud.projectId,
    instances: cloud.instances.map(describeInstance),
    issuer: describeIssuer(cloud),
    settings: cloud.settings,
    policy_file: cloud.policyFile,
    control_url: cloud.controlUrl,
    pid: process.pid,
  };
}

/** Where tokens of its principals are to be had; scripts/token.ts reads it. */
function describeIssuer({ issuer }: LocalCloud): Record<string, unknown> {
  const { url, jwksUrl, tokenUrl, audience, principals } = issuer;
  return { url, jwks_url: jwksUrl, token_url: tokenUrl, audience, principals };
}

function describeInstance(instance: LocalInstance): Record<string, unknown> {
  const { server, userPasswords } = instance;
  return {
    project_id: instance.projectId,
    region: instance.region,
    instance_name: instance.name,
    version: instance.major,
    mode: instance.mode,
    databases: ["postgres", ...instance.databases],
    users: instance.users.map(({ name, role, type }) => ({
      name,
      type,
      role,
      ...(type === "BUILT_IN" ? { password: userPasswords[role] } : {}),
    })),
    host: server.host,
    port: server.port,
    superuser: { user: SUPERUSER, password: server.superuserPassword },
    admin: { user: ADMIN, password: server.adminPassword },
    superuser_url: server.superuserUrl(),
    admin_url: server.adminUrl(),
    connection_name: instance.connectionName,
    proxy_address: `${instance.proxy.address}:${instance.proxy.port}`,
  };
}

/** Writes the description, readable by us alone, so that a reader never sees half of it. */
export async function writeDescription(checkout: string, description: unknown): Promise<string> {
  const path = join(localDirectory(checkout), "cloud.json");
  const part = `${path}.part`;
  await writeFile(part, `${JSON.stringify(description, null, 2)}\n`, { mode: 0o600 });
  await rename(part, path);
  return path;
}

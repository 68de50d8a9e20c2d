import { type PolicyRole, policyRoles } from "../domain/policy.ts";
import type { ApiDocument, ApiOperation } from "./document.ts";

/** What the contract says under `x-permission`: which permission an operation needs. */
export interface Permission {
  /** For people and the audit log: `roles.assign`. */
  readonly name: string;
  readonly role: PolicyRole;
  /**
   * Where it is needed: on what the request names (a database; without its name the whole instance; without any name
   * everything), on the whole instance of it, or somewhere: then the operation itself shows no more than is allowed.
   */
  readonly on: "target" | "instance" | "any";
  /** Whether the operation can change something, so that each request leaves an audit record. */
  readonly changes: boolean;
}

/** `none`: the operation is open to everybody. */
export type OperationPermission = Permission | "none";

const methods = ["get", "put", "post", "delete", "patch"] as const;
const places = ["target", "instance", "any"] as const;

/** By operationId. Throws when an operation declares nothing, or what cannot be read: then none may be served. */
export function readPermissions({ paths = {} }: ApiDocument): ReadonlyMap<string, OperationPermission> {
  const operations = Object.values(paths).flatMap((path) =>
    methods.flatMap((method) => path?.[method] ?? []),
  );
  return new Map(operations.map((operation) => [operation.operationId ?? "", readPermission(operation)]));
}

function readPermission(operation: Partial<ApiOperation>): OperationPermission {
  const isOpen = operation.security?.length === 0;
  const declared: unknown = (operation as { "x-permission"?: unknown })["x-permission"];
  if (declared === "none" && isOpen) return "none";
  const fields = (typeof declared === "object" && declared !== null ? declared : {}) as Record<
    string,
    unknown
  >;
  const { name, role, on = "target", changes = false, ...unknown } = fields;
  const known = policyRoles.find((one) => one === role);
  const place = places.find((one) => one === on);
  // Nobody is asked who they are where it is open: such a caller must not be taken for one who may do something.
  const valid =
    !isOpen &&
    typeof name === "string" &&
    /^[a-z_]+(\.[a-z_]+)+$/.test(name) &&
    typeof changes === "boolean" &&
    Object.keys(unknown).length === 0;
  if (!valid || known === undefined || place === undefined) {
    throw new Error(
      `Operation ${operation.operationId} does not declare its permission: give it x-permission in openapi.yaml, ` +
        "such as { name: roles.assign, role: operator, changes: true }, or none together with security: []",
    );
  }
  return { name, role: known, on: place, changes };
}

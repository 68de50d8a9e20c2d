import { connectionName, type Instance } from "../domain/target.ts";
import { notFound, ServiceError } from "../errors.ts";
import { readCode } from "./deadline.ts";

/** What a failed look-up of an instance means. Decides by HTTP status and the library's codes. */
export function readLookupError(cause: unknown, instance: Instance): ServiceError {
  if (cause instanceof ServiceError) return cause;
  const name = connectionName(instance);
  const code = readCode(cause);
  switch (code) {
    case "EBADSQLADMINREGION":
      return notFound("instance", `There is no instance ${name}: it is not in ${instance.region}.`, {
        instance_name: instance.instance,
      });
    case "ENOPRIVATESQLADMINIPADDRESS":
    case "ENOPUBLICSQLADMINIPADDRESS":
    case "ENOPSCSQLADMINIPADDRESS":
      return new ServiceError(
        "unavailable",
        `The instance ${name} has no address of the kind that CLOUDSQL_IP_TYPE asks for.`,
        { cause, retryAfterS: 60, details: { reason: "no_address" } },
      );
    case "TimeoutError":
      return lookupTimeout(instance, cause);
    default:
      return readHttpError(cause, readStatus(cause), instance);
  }
}

function readHttpError(cause: unknown, status: number | undefined, instance: Instance): ServiceError {
  const name = connectionName(instance);
  if (status === 404) {
    return notFound("instance", `There is no instance ${name}.`, { instance_name: instance.instance });
  }
  if (status === 403) {
    return unavailable(
      `The Cloud SQL Admin API refused to describe ${name}: the service's own account needs cloudsql.instances.connect ` +
        `(role Cloud SQL Client) on project ${instance.project}, or the instance does not exist.`,
      { cause, status, retryAfterS: 60 },
    );
  }
  if (status === 429) {
    return unavailable(`The Cloud SQL Admin API limits the rate of calls; ${name} could not be looked up.`, {
      cause,
      status,
      retryAfterS: 30,
    });
  }
  return unavailable(`The Cloud SQL Admin API could not be asked about ${name}.`, {
    cause,
    status,
    retryAfterS: 5,
  });
}

interface Circumstances {
  readonly cause: unknown;
  readonly status: number | undefined;
  readonly retryAfterS: number;
}

function unavailable(message: string, { cause, status, retryAfterS }: Circumstances): ServiceError {
  const details = { source: "sqladmin.googleapis.com", ...(status === undefined ? {} : { status }) };
  return new ServiceError("unavailable", message, { cause, retryAfterS, details });
}

/** The look-up took longer than it may. */
export function lookupTimeout(instance: Instance, cause?: unknown): ServiceError {
  return new ServiceError(
    "timeout",
    `The Cloud SQL Admin API did not answer in time about ${connectionName(instance)}.`,
    { cause, retryAfterS: 5, details: { source: "sqladmin.googleapis.com" } },
  );
}

/** Trying again may help, and what was known before may still hold. */
export function isPassing(error: ServiceError): boolean {
  return error.kind === "timeout" || (error.kind === "unavailable" && error.details.status !== 403);
}

function readStatus(error: unknown): number | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  if ("status" in error && typeof error.status === "number") return error.status;
  const response = "response" in error ? error.response : undefined;
  if (typeof response !== "object" || response === null || !("status" in response)) return undefined;
  return typeof response.status === "number" ? response.status : undefined;
}

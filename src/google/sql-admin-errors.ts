import { connectionName, type Instance } from "../domain/target.ts";
import { notFound, ServiceError } from "../errors.ts";
import { readCode } from "./deadline.ts";

const source = "sqladmin.googleapis.com";

/** What the Admin API's answer to a failed call says, as far as it has an answer. */
export interface AdminFailure {
  readonly status: number | undefined;
  /** Google's word for it, such as `operationInProgress`. */
  readonly reason: string | undefined;
}

export function readAdminFailure(error: unknown): AdminFailure {
  const response = fieldOf(error, "response");
  const status = fieldOf(response, "status") ?? fieldOf(error, "status");
  const first = fieldOf(fieldOf(fieldOf(fieldOf(response, "data"), "error"), "errors"), "0");
  const reason = fieldOf(first, "reason");
  return {
    status: typeof status === "number" ? status : undefined,
    reason: typeof reason === "string" && /^\w{1,60}$/.test(reason) ? reason : undefined,
  };
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}

/** Another operation of the instance is not done yet; older answers are 403. */
export function isInProgress({ status, reason }: AdminFailure): boolean {
  return (status === 409 || status === 403) && reason === "operationInProgress";
}

/** Trying again may help: no answer, too many calls, or a fault on Google's side. */
export function isPassingFailure({ status }: AdminFailure): boolean {
  return status === undefined || status === 429 || status >= 500;
}

/** What a failed call means. */
export function readAdminError(cause: unknown, instance: Instance, action: string): ServiceError {
  if (cause instanceof ServiceError) return cause;
  const failure = readAdminFailure(cause);
  const name = connectionName(instance);
  const { status, reason } = failure;
  const details = {
    source,
    action,
    ...(status === undefined ? {} : { status }),
    ...(reason === undefined ? {} : { reason }),
  };
  if (isTimeout(cause)) return adminTimeout(instance, action, cause);
  if (isInProgress(failure)) {
    return new ServiceError("unavailable", `Another operation of Cloud SQL is running on ${name}.`, {
      cause,
      details,
      retryAfterS: 10,
    });
  }
  if (status === 404 && (reason === "userDoesNotExist" || reason === "userNotFound")) {
    return notFound("user", `Cloud SQL has no such user on ${name}.`);
  }
  if (status === 404) {
    return notFound("instance", `There is no instance ${name}.`, { instance_name: instance.instance });
  }
  if (status === 403 || status === 401) {
    const message =
      `The Cloud SQL Admin API refused ${action} on ${name}: the service's own account needs the role ` +
      `Cloud SQL Admin on project ${instance.project}, or the instance does not exist.`;
    return new ServiceError("unavailable", message, { cause, details, retryAfterS: 60 });
  }
  if (status === 400 || status === 409) {
    return new ServiceError("conflict", `The Cloud SQL Admin API refused ${action} on ${name}.`, {
      cause,
      details,
    });
  }
  return new ServiceError(
    "unavailable",
    `The Cloud SQL Admin API could not be asked for ${action} on ${name}.`,
    {
      cause,
      details,
      retryAfterS: status === 429 ? 30 : 5,
    },
  );
}

function isTimeout(error: unknown): boolean {
  const code = readCode(error);
  return code === "TimeoutError" || code === 23 || (error instanceof Error && error.name === "TimeoutError");
}

/** The API took longer than it may, with all its retries. */
export function adminTimeout(instance: Instance, action: string, cause?: unknown): ServiceError {
  return new ServiceError(
    "timeout",
    `The Cloud SQL Admin API did not answer in time to ${action} on ${connectionName(instance)}.`,
    { cause, retryAfterS: 5, details: { source, action } },
  );
}

import { ServiceError } from "../errors.ts";
import { grpcStatus, readGrpcStatus } from "./grpc-status.ts";

const details = { source: "firestore.googleapis.com" } as const;

/** What a failed call of Firestore means. */
export function readRegistryError(cause: unknown): ServiceError {
  if (cause instanceof ServiceError) return cause;
  switch (readGrpcStatus(cause)) {
    case grpcStatus.permissionDenied:
      return unavailable(
        "The registry refused the service: its own account needs the role Cloud Datastore User.",
        {
          cause,
          retryAfterS: 60,
        },
      );
    case grpcStatus.notFound:
      return unavailable("The registry's Firestore database does not exist (FIRESTORE_DATABASE).", {
        cause,
        retryAfterS: 60,
      });
    case grpcStatus.deadlineExceeded:
      return registryLate(cause);
    case grpcStatus.aborted:
      return registryContended(cause);
    case grpcStatus.invalidArgument:
    case grpcStatus.alreadyExists:
    case grpcStatus.failedPrecondition:
      return new ServiceError("internal_error", "The registry refused what was to be stored.", {
        cause,
        details,
      });
    default:
      return unavailable("The registry (Firestore) could not be reached.", { cause, retryAfterS: 5 });
  }
}

function unavailable(message: string, options: { cause?: unknown; retryAfterS: number }): ServiceError {
  return new ServiceError("unavailable", message, { ...options, details });
}

/** Another write came between, every time. */
export function registryContended(cause?: unknown): ServiceError {
  return unavailable("The registry was changed by too many at once.", { cause, retryAfterS: 2 });
}

/** The time is up, and there was no answer. */
export function registryLate(cause?: unknown): ServiceError {
  const message = "The registry (Firestore) did not answer in time.";
  return new ServiceError("timeout", message, { cause, retryAfterS: 5, details });
}

/** A document that this service did not write, or not like that. */
export function malformedDocument(path: string, field: string, cause?: unknown): ServiceError {
  return new ServiceError(
    "internal_error",
    `The registry document ${path} cannot be read: ${field} is wrong.`,
    { details, cause },
  );
}

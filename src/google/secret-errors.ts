import { notFound, ServiceError } from "../errors.ts";
import { grpcStatus, readGrpcStatus } from "./grpc-status.ts";

/** A secret by its name, and where it was looked for. */
export interface SecretPlace {
  readonly secret: string;
  readonly project: string;
  readonly region: string;
}

/** What a failed read of a secret means. The messages name the secret and never hold any of its value. */
export function readSecretError(cause: unknown, place: SecretPlace): ServiceError {
  if (cause instanceof ServiceError) return cause;
  const { secret, project, region } = place;
  const name = `${secret} of project ${project}`;
  switch (readGrpcStatus(cause)) {
    case grpcStatus.notFound:
      return notFound("secret", `There is no secret ${name}, neither in ${region} nor globally.`, { secret });
    case grpcStatus.permissionDenied:
      return unavailable(
        place,
        `The service may not read the secret ${name}: its own account needs secretmanager.versions.access ` +
          "(role Secret Manager Secret Accessor) on it.",
        { cause, retryAfterS: 60 },
      );
    case grpcStatus.failedPrecondition:
      return unavailable(place, `The latest version of the secret ${name} is disabled or destroyed.`, {
        cause,
        retryAfterS: 60,
      });
    case grpcStatus.deadlineExceeded:
      return secretTimeout(place, cause);
    default:
      return unavailable(place, `Secret Manager could not be asked for the secret ${name}.`, {
        cause,
        retryAfterS: 5,
      });
  }
}

export function unavailable(
  { secret }: SecretPlace,
  message: string,
  options: { readonly cause?: unknown; readonly retryAfterS: number },
): ServiceError {
  return new ServiceError("unavailable", message, {
    ...options,
    details: { source: "secretmanager.googleapis.com", secret },
  });
}

/** Secret Manager took longer than it may. */
export function secretTimeout({ secret, project }: SecretPlace, cause?: unknown): ServiceError {
  return new ServiceError(
    "timeout",
    `Secret Manager did not answer in time about the secret ${secret} of project ${project}.`,
    { cause, retryAfterS: 5, details: { source: "secretmanager.googleapis.com", secret } },
  );
}

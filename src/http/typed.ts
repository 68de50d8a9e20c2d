import type { Target } from "../domain/target.ts";
import type { Call } from "../operations/context.ts";
import type { operations } from "./contract.d.ts";

/** The operationIds of the contract. */
export type OperationId = keyof operations;

type Content<Of> = Of extends { readonly content: infer C } ? C[keyof C] : never;

/** What the contract lets a caller send: the body's fields, or those of the path and the query. */
export type Input<Id extends OperationId> = operations[Id] extends { readonly requestBody: infer Body }
  ? Content<Body>
  : operations[Id]["parameters"] extends {
        readonly path: infer Path extends object;
        readonly query?: infer Query;
      }
    ? Path & NonNullable<Query>
    : operations[Id]["parameters"] extends { readonly query: infer Query }
      ? Query
      : Readonly<Record<string, never>>;

/** What the contract promises for status 200. */
export type Success<Id extends OperationId> = operations[Id]["responses"] extends {
  readonly 200: infer Response;
}
  ? Content<Response>
  : never;

type TargetField = "project_id" | "region" | "instance_name" | "database_name";
type HasTarget<Id extends OperationId> =
  Input<Id> extends Readonly<Record<TargetField, string>> ? true : false;

/** The fields of a success that the HTTP layer fills in, so that a handler does not. */
type Filled<Id extends OperationId> =
  | "success"
  | "execution_time_seconds"
  | (HasTarget<Id> extends true ? TargetField : never);

/** What a handler returns: the success without the fields that the HTTP layer fills in. */
export type Answer<Id extends OperationId> =
  Success<Id> extends { readonly success: true }
    ? Omit<Success<Id>, Filled<Id>> & { readonly [Field in Filled<Id>]?: never }
    : Success<Id>;

export interface TargetCall extends Call {
  /** Parsed, and in a region that the service may work in. */
  readonly target: Target;
}

export type HandlerCall<Id extends OperationId> = HasTarget<Id> extends true ? TargetCall : Call;

/** One operation of the contract: it never sees the request or the response. A failure is thrown. */
export type Handler<Id extends OperationId> = (
  input: Input<Id>,
  call: HandlerCall<Id>,
) => Promise<Answer<Id>>;

/** A handler for each operation of the contract; one that is missing, or answers something else, does not compile. */
export type Handlers = { readonly [Id in OperationId]: Handler<Id> };

const mark = Symbol("where an accepted operation is");

/** An answer to what goes on after it: status 202, with the place of the operation. */
export function accepted<T extends object>(answer: T, operationId: string): T {
  return { ...answer, [mark]: `/operations/${operationId}` };
}

/** Where it goes on; undefined for an answer to what has ended. */
export function acceptedAt(answer: object): string | undefined {
  const place: unknown = Reflect.get(answer, mark);
  return typeof place === "string" ? place : undefined;
}

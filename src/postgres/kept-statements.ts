/** More than the service has, all versions of PostgreSQL together; a connection is swept when it holds 250. */
const mostTexts = 200;

/**
 * An array that is not known when a plan is made counts for ten elements. So a plan that serves any array may be very bad for
 * a long one, and the planner, which compares costs, takes it for the cheaper one.
 * https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/selfuncs.c (estimate_array_length)
 */
const longestArray = 100;

const names = new Map<string, string>();

/**
 * The name under which connections keep a statement prepared, always the same for a text and never for two; undefined
 * when it is to be planned for its values, or texts turn out not to be few.
 */
export function keptName(text: string, values: readonly unknown[] = []): string | undefined {
  if (values.some((value) => Array.isArray(value) && value.length > longestArray)) return undefined;
  const known = names.get(text);
  if (known !== undefined || names.size >= mostTexts) return known;
  const name = `kept_${names.size}`;
  names.set(text, name);
  return name;
}

import { invalidField } from "../errors.ts";

const shape =
  /^P(?=.)(?:(\d{1,4})W)?(?:(\d{1,5})D)?(?:T(?=.)(?:(\d{1,6})H)?(?:(\d{1,7})M)?(?:(\d{1,8})S)?)?$/;
const units = [7 * 86_400_000, 86_400_000, 3_600_000, 60_000, 1_000];

/** Milliseconds of an ISO 8601 duration of weeks, days, hours, minutes and seconds, such as `P30D` or `PT12H`. */
export function parseDuration(field: string, text: string): number {
  const match = shape.exec(text);
  if (match === null) {
    throw invalidField(field, "must be an ISO 8601 duration of weeks, days or hours, such as P30D or PT12H");
  }
  return units.reduce((sum, unit, at) => sum + unit * Number(match[at + 1] ?? 0), 0);
}

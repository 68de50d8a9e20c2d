import type { Statement } from "../domain/plan.ts";
import { ServiceError } from "../errors.ts";
import { assertMayGiveRights } from "./role-permission.ts";
import type { GrantChanges } from "./state-plan-grants.ts";
import type { StateScope } from "./state-scope.ts";
import { describeObject } from "./state-wanted.ts";

/** Rights beside those of templates: who may give roles only may not change them. */
export function assertMayChange(
  { giver }: StateScope,
  { grants, ends }: GrantChanges,
  defaults: readonly Statement[],
): void {
  if (giver === undefined) return;
  const changes = [
    ...grants.map(({ privilege, object }) => `${privilege} on ${describeObject(object)}`),
    ...ends.filter((row) => !row.ofTemplate).map((row) => `${row.privilege} on ${describeObject(row)}`),
    ...defaults.map((one) => one.description),
  ];
  if (changes[0] !== undefined) assertMayGiveRights(giver, `changes rights beside them: ${changes[0]}`);
}

/** What is declared and cannot be done is known before anything is touched. */
export function assertNoneRefused(
  refused: readonly { readonly because: string; readonly sql: readonly string[] }[],
): void {
  const [first] = refused;
  if (first === undefined) return;
  throw new ServiceError("conflict", `The state cannot be reached: ${first.because}.`, {
    details: {
      because: refused.map((one) => one.because).slice(0, 20),
      administrator_sql: refused.flatMap((one) => one.sql).slice(0, 100),
    },
  });
}

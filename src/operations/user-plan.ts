import { previewStatements, type Statement, type StatementPreview } from "../domain/plan.ts";

/** One step of a plan that is not SQL alone, in order. */
export type PlannedStep =
  | ({ readonly kind: "sql" } & StatementPreview)
  | {
      readonly kind: "cloud_sql_api" | "secret" | "login";
      readonly description: string;
      readonly destructive: boolean;
    };

export interface UserPlan {
  readonly statements: readonly StatementPreview[];
  readonly steps: readonly PlannedStep[];
}

/** The plan of what SQL and others are to do, as it may be shown. */
export function userPlan(parts: readonly (PlannedStep | readonly Statement[])[]): UserPlan {
  const steps = parts.flatMap((part): readonly PlannedStep[] =>
    "kind" in part
      ? [part]
      : previewStatements(part).map((statement) => ({ kind: "sql" as const, ...statement })),
  );
  const statements = steps.flatMap((step) => {
    if (step.kind !== "sql") return [];
    const { kind: _kind, ...statement } = step;
    return [statement];
  });
  return { statements, steps };
}

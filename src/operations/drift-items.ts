import { readTaking } from "../postgres/authority.ts";
import type { Session } from "../postgres/session.ts";
import type { RoleFinding } from "./role-finding.ts";
import type { RoleState } from "./role-state.ts";

/** One difference, with the SQL that the admin would run to end it, in order; empty when `detail` says why not. */
export interface DriftItem extends Pick<RoleFinding, "kind" | "role" | "object" | "detail"> {
  readonly repair: readonly string[];
}

/** Database-wide roles are looked at with each schema. */
export function distinct(items: readonly DriftItem[]): DriftItem[] {
  return [...new Map(items.map((item) => [JSON.stringify(item), item])).values()];
}

export function goneSchema(schema: string): DriftItem {
  const detail =
    "The schema does not exist any more; create it again, or drop its roles. No SQL brings it back.";
  return { kind: "missing", role: null, object: `schema ${schema}`, detail, repair: [] };
}

/** `foreign`: roles that the admin does not administer; it can repair nothing of theirs. */
export async function describeItems(
  session: Session,
  findings: readonly RoleFinding[],
  authority: RoleState["authority"],
  foreign: ReadonlySet<string>,
): Promise<DriftItem[]> {
  const actors = findings.flatMap((one) => one.actsFor ?? []);
  const take = await readTaking(session, actors, authority);
  return findings.map((finding) => {
    const { kind, role, object, detail, statements, actsFor = [] } = finding;
    if (statements.length === 0) return { kind, role, object, detail, repair: [] };
    if (foreign.has(role ?? "")) {
      const because = `${session.user} does not administer ${role}`;
      return { kind, role, object, detail: `${detail}; ${because}`, repair: [] };
    }
    const taken = take(actsFor);
    const all = [...taken.take, ...statements, ...taken.giveBack];
    return { kind, role, object, detail, repair: all.map((statement) => statement.preview) };
  });
}

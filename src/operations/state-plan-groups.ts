import type { DesiredState } from "../domain/desired-state.ts";
import { parseRoleMark } from "../domain/managed-role.ts";
import type { Statement } from "../domain/plan.ts";
import { ServiceError } from "../errors.ts";
import { readRoles } from "../postgres/role-catalog.ts";
import type { Session } from "../postgres/session.ts";
import { createGroupRole } from "../postgres/statements/membership-options.ts";
import { describePlace, unsafeAttributes } from "./role-names.ts";
import { isElsewhere } from "./state-membership-rules.ts";

export interface GroupRoles {
  readonly statements: readonly Statement[];
  readonly created: ReadonlySet<string>;
}

/** Plain group roles that are missing; one that is there has to be one, and not another database's. */
export async function planGroupRoles(session: Session, state: DesiredState): Promise<GroupRoles> {
  const names = state.roles.map((role) => role.name);
  const rows = await readRoles(session, names);
  for (const [name, row] of rows) {
    const refuse = (because: string): never => {
      throw new ServiceError("conflict", `Role ${JSON.stringify(name)} is not touched: ${because}.`, {
        details: { role: name, because },
      });
    };
    const unsafe = [...unsafeAttributes(row), ...(row.inherits ? [] : ["NOINHERIT"])];
    if (unsafe.length > 0)
      refuse(
        `it has the attribute ${unsafe.join(", ")}, and a state's own roles are group roles without any`,
      );
    const mark = parseRoleMark(row.comment);
    if (mark !== undefined && isElsewhere(session, row)) refuse(`it belongs to ${describePlace(mark)}`);
  }
  const created = new Set(names.filter((name) => !rows.has(name)));
  return { created, statements: [...created].map((name) => createGroupRole(session.target.database, name)) };
}

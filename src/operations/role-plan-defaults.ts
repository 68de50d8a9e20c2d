import type { ManagedRole } from "../domain/managed-role.ts";
import { type DefaultType, defaultTypes } from "../domain/role-template.ts";
import { changeDefaultPrivileges } from "../postgres/statements/privileges.ts";
import { type Draft, mayActFor, unreachable } from "./role-draft.ts";

export function planDefaults(
  draft: Draft,
  touched: readonly ManagedRole[],
  action: "grant" | "revoke",
): void {
  for (const role of touched) {
    for (const objectType of defaultTypes) planDefaultsOf(draft, role, objectType, action);
  }
}

/** One statement for all creators that lack (or hold too much of) the same privileges. */
function planDefaultsOf(
  draft: Draft,
  role: ManagedRole,
  objectType: DefaultType,
  action: "grant" | "revoke",
): void {
  const { state } = draft;
  const wanted = role.future[objectType] ?? [];
  const held = new Map(
    state.defaults
      .filter((entry) => entry.grantee === role.name && entry.objectType === objectType)
      .map((entry) => [entry.creator, entry.privileges]),
  );
  const bySet = new Map<string, { privileges: readonly string[]; creators: string[] }>();
  const candidates = action === "grant" ? state.creators : [...held.keys()];
  for (const creator of candidates) {
    const has = held.get(creator) ?? [];
    const [from, without] = action === "grant" ? [wanted, has] : [has, wanted];
    const privileges = from.filter((privilege) => !without.includes(privilege));
    if (privileges.length === 0 || creator === role.name) continue;
    if (!mayActFor(draft, creator)) {
      if (action === "grant") warnUncovered(draft, creator);
      continue;
    }
    const key = privileges.join();
    const group = bySet.get(key) ?? { privileges, creators: [] };
    group.creators.push(creator);
    bySet.set(key, group);
  }
  const { database, schema } = state;
  for (const { privileges, creators } of bySet.values()) {
    const grants = action === "grant";
    const list = privileges.join(", ");
    draft.findings.push({
      kind: grants ? "uncovered_creator" : "extra",
      role: role.name,
      object: describeFuture(objectType, creators, schema),
      detail: `${role.name} would ${grants ? "lack" : "hold, beyond its definition,"} ${list} on them`,
      actsFor: creators,
      statements: [
        changeDefaultPrivileges({
          action,
          database,
          schema,
          objectType,
          privileges,
          grantee: role.name,
          creators,
        }),
      ],
    });
  }
}

function describeFuture(objectType: DefaultType, creators: readonly string[], schema: string): string {
  const where = objectType === "large_object" ? "" : ` in schema ${schema}`;
  return `future ${objectType.replaceAll("_", " ")}s of ${creators.join(", ")}${where}`;
}

function warnUncovered(draft: Draft, creator: string): void {
  const { schema, admin } = draft.state;
  const because =
    `What ${creator} creates in ${schema} from now on is not covered: ${admin} may not act for ${creator} on this ` +
    `instance. Let ${creator} create objects as a role that ${admin} administers (SET ROLE), or give ${admin} ADMIN ` +
    `OPTION on it where that is safe (never on an IAM principal: it would lock ${admin} out).`;
  if (draft.findings.some((one) => one.warning === because)) return;
  const object = `future objects of ${creator} in schema ${schema}`;
  draft.findings.push(unreachable("uncovered_creator", null, object, because));
}

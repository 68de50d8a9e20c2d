import { at, type FaultList } from "./fault-list.ts";
import { identifierFault } from "./names.ts";
import {
  type ColumnGrant,
  columnPrivileges,
  type ObjectKind,
  objectKinds,
  privilegesOfKind,
  type TemplateGrant,
} from "./role-template.ts";

type Scope = "schema" | "database";

export function parseGrants(list: FaultList, pointer: string, input: unknown, scope: Scope): TemplateGrant[] {
  return list
    .list(pointer, input, { most: 50 })
    .map((one, index) => parseGrant(list, at(pointer, index), one, scope));
}

function parseGrant(list: FaultList, pointer: string, input: unknown, scope: Scope): TemplateGrant {
  const fields = list.object(pointer, input, ["on", "privileges", "existing", "future"]);
  const on = parseWords(list, at(pointer, "on"), fields.on, kindFault).filter(isKind);
  if (scope === "schema" && on.includes("large_object"))
    list.add(
      at(pointer, "on"),
      "large objects are in no schema: grant on them to a role with scope database",
    );
  const privileges = parseWords(list, at(pointer, "privileges"), fields.privileges, (text) =>
    privilegeFault(text, on),
  );
  const single = on.filter(hasNoFuture);
  if (single.length > 0 && fields.future === true)
    list.add(
      at(pointer, "future"),
      `does not apply to a ${single.join(" or a ")}: there is one, and it exists`,
    );
  if (single.length > 0 && single.length < on.length)
    list.add(at(pointer, "on"), `${single.join(" and ")} cannot share an entry with objects of a schema`);
  const existing = list.flag(at(pointer, "existing"), fields.existing, true);
  const future = list.flag(at(pointer, "future"), fields.future, single.length === 0) && single.length === 0;
  if (!existing && !future) list.add(pointer, "grants nothing: existing or future has to be true");
  return { on, privileges, existing, future };
}

function hasNoFuture(kind: ObjectKind): boolean {
  return kind === "database" || kind === "schema";
}

function isKind(text: string): text is ObjectKind {
  return (objectKinds as readonly string[]).includes(text);
}

function kindFault(text: string): string | undefined {
  if (isKind(text)) return undefined;
  if (text === "column") return "columns are named one by one, in column_grants";
  return `is not a kind of object; those are ${objectKinds.join(", ")}`;
}

function privilegeFault(privilege: string, on: readonly ObjectKind[]): string | undefined {
  const kind = on.find((one) => !privilegesOfKind[one].includes(privilege));
  if (kind === undefined) return undefined;
  return `is no privilege on a ${kind.replaceAll("_", " ")}; those are ${privilegesOfKind[kind].join(", ")}`;
}

export function parseColumnGrants(list: FaultList, pointer: string, input: unknown): ColumnGrant[] {
  return list.list(pointer, input, { most: 200 }).map((one, index) => {
    const place = at(pointer, index);
    const fields = list.object(place, one, ["table", "columns", "privileges"]);
    return {
      table: list.text(at(place, "table"), fields.table, identifierFault),
      columns: parseWords(list, at(place, "columns"), fields.columns, identifierFault, 1600),
      privileges: parseWords(list, at(place, "privileges"), fields.privileges, (text) =>
        columnPrivileges.includes(text)
          ? undefined
          : `is no privilege on a column; those are ${columnPrivileges.join(", ")}`,
      ),
    };
  });
}

/** A list of different texts, at least one. */
function parseWords(
  list: FaultList,
  pointer: string,
  input: unknown,
  fault: (text: string) => string | undefined,
  most = 20,
): string[] {
  const seen = new Set<unknown>();
  return list.list(pointer, input, { least: 1, most }).map((one, index) => {
    if (seen.has(one)) list.add(at(pointer, index), "is there twice");
    seen.add(one);
    return list.text(at(pointer, index), one, fault);
  });
}

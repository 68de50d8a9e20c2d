import type { Statement } from "../domain/plan.ts";
import type { AclRow } from "../postgres/acl-catalog.ts";
import { changeGrant, type GrantAction } from "../postgres/statements/grants.ts";
import type { StateCatalog } from "./state-catalog.ts";
import { objectKey } from "./state-wanted.ts";

interface Part {
  readonly type: AclRow["type"];
  readonly schema: string | null;
  readonly name: string | null;
  readonly arguments: string | null;
  readonly column: string | null;
  readonly privilege: string;
  readonly grantee: string;
  readonly grantable: boolean;
}

/** One statement for objects (and columns) on which the same is changed for the same grantee; the order of objects is kept. */
export function groupParts(catalog: StateCatalog, action: GrantAction, parts: readonly Part[]): Statement[] {
  const perPlace = Map.groupBy(parts, (one) =>
    JSON.stringify([objectKey(one), one.column, one.grantee, one.grantable]),
  );
  const merged = [...perPlace.values()].map((list) => ({
    one: list[0] as Part,
    privileges: [...new Set(list.map((part) => part.privilege))].sort(),
  }));
  const perObject = Map.groupBy(merged, ({ one, privileges }) =>
    JSON.stringify([objectKey(one), one.column === null, one.grantee, one.grantable, privileges]),
  );
  const objects = [...perObject.values()].map((list) => ({
    ...(list[0] as (typeof merged)[number]),
    columns: list.flatMap(({ one }) => one.column ?? []).sort(),
  }));
  const perChange = Map.groupBy(objects, ({ one, privileges, columns }) =>
    JSON.stringify([one.type, one.schema, one.grantee, one.grantable, privileges, columns]),
  );
  return [...perChange.values()].flatMap((list) => {
    const { one, privileges, columns } = list[0] as (typeof objects)[number];
    return changeGrant({
      action,
      database: catalog.database,
      type: one.type,
      schema: one.schema,
      objects: list.flatMap(({ one: { name, arguments: signature } }) =>
        name === null ? [] : [{ name, arguments: signature }],
      ),
      columns,
      privileges,
      grantee: one.grantee,
      grantable: action === "grant" && one.grantable,
    });
  });
}

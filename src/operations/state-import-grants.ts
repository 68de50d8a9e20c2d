import { type GrantAtom, grantsAsRevocations, groupAtoms, publicGrantee } from "../domain/desired-grants.ts";
import type { DesiredState } from "../domain/desired-state.ts";
import { isFutureObjectType, publicByDefault } from "../domain/grant-privileges.ts";
import { isSystemRole } from "../domain/names.ts";
import type { AclObject } from "../postgres/acl-catalog.ts";
import type { StateCatalog } from "./state-catalog.ts";
import { isLeftAlone, type Reading } from "./state-import-reading.ts";
import { describeObject, objectKey } from "./state-wanted.ts";

/** The privileges that no template looks after, and what PUBLIC was to have by birth and has not. */
export function readGrants(reading: Reading): Pick<DesiredState, "grants" | "public_revocations"> {
  const { catalog, managed, warnings } = reading;
  const atoms: GrantAtom[] = [];
  const foreign = new Map<string, string>();
  for (const row of catalog.acl) {
    if (isLeftAlone(reading, row.grantee)) continue;
    const byTemplate = managed.schemas.get(row.grantee)?.has(row.schema ?? "") === true;
    const connects = managed.roles.has(row.grantee) && row.type === "database" && row.privilege === "CONNECT";
    if (byTemplate || connects) continue;
    const isDefault = row.grantee === publicGrantee && publicByDefault[row.type].includes(row.privilege);
    if (isDefault && row.grantor === row.owner) continue;
    if (row.grantor !== row.owner) foreign.set(row.grantor, describeObject(row));
    atoms.push(toAtom(row, row));
  }
  for (const [grantor, object] of foreign) {
    warnings.push(
      `${grantor} granted privileges that it does not own, on ${object} and maybe more: a state does not say by whom.`,
    );
  }
  const futures = catalog.defaults.flatMap((row) => {
    const ofPublic =
      row.schema === null &&
      row.grantee === publicGrantee &&
      publicByDefault[row.type].includes(row.privilege);
    const byTemplate = managed.schemas.get(row.grantee)?.has(row.schema ?? "") === true;
    if (isLeftAlone(reading, row.grantee) || ofPublic || byTemplate || isSystemCreator(row.creator))
      return [];
    const { creator: owner, type: objectType, ...rest } = row;
    return [{ ...rest, owner, objectType }];
  });
  const revoked = catalog.defaultRevocations
    .filter((row) => !isSystemCreator(row.creator))
    .map(({ creator: owner, type: objectType, privilege }) => ({
      ...{ grantee: publicGrantee, objectType, schema: null, owner, privilege, grantable: false },
    }));
  const grants = groupAtoms(collapse(catalog, atoms), futures);
  const revocations = groupAtoms(readRevocations(catalog), revoked);
  return { grants, public_revocations: grantsAsRevocations(revocations) };
}

function isSystemCreator(creator: string): boolean {
  return isSystemRole(creator) && creator !== "cloudsqlsuperuser";
}

function toAtom(
  object: AclObject,
  row: Pick<GrantAtom, "column" | "grantee" | "privilege" | "grantable">,
): GrantAtom {
  const { type: objectType, schema, name, arguments: signature } = object;
  const { column, grantee, privilege, grantable } = row;
  return { grantee, objectType, schema, name, arguments: signature, column, privilege, grantable };
}

/** What PUBLIC would have by birth and was taken. */
function readRevocations(catalog: StateCatalog): GrantAtom[] {
  const held = new Set(
    catalog.acl
      .filter((row) => row.grantee === publicGrantee)
      .map((row) => `${objectKey(row)} ${row.privilege}`),
  );
  return catalog.objects.flatMap((object) =>
    publicByDefault[object.type]
      .filter((privilege) => !held.has(`${objectKey(object)} ${privilege}`))
      .map((privilege) =>
        toAtom(object, {
          column: null,
          grantee: publicGrantee,
          privilege,
          grantable: false,
        }),
      ),
  );
}

/** From so many objects on, a privilege that all of a type in a schema carry is said once. */
const collapseFrom = 20;

function collapse(catalog: StateCatalog, atoms: readonly GrantAtom[]): GrantAtom[] {
  const totals = new Map<string, number>();
  for (const { type, schema, name } of catalog.objects) {
    const key = JSON.stringify([type, schema]);
    if (name !== null) totals.set(key, (totals.get(key) ?? 0) + 1);
  }
  const groups = Map.groupBy(atoms, (one) =>
    JSON.stringify([
      one.objectType,
      one.schema,
      one.grantee,
      one.privilege,
      one.grantable,
      one.column !== null,
    ]),
  );
  return [...groups.values()].flatMap((group) => {
    const [first] = group as [GrantAtom];
    if (first.column !== null || !isFutureObjectType(first.objectType)) return group;
    const total = totals.get(JSON.stringify([first.objectType, first.schema])) ?? 0;
    const distinct = new Set(group.map((one) => JSON.stringify([one.name, one.arguments]))).size;
    return distinct === total && total >= collapseFrom ? [{ ...first, name: null, arguments: null }] : group;
  });
}

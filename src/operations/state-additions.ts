import {
  type DesiredGrant,
  type FutureAtom,
  futureAtomsOf,
  type GrantAtom,
  groupAtoms,
  publicGrantee,
  revocationsAsGrants,
} from "../domain/desired-grants.ts";
import { type DesiredState, emptyState } from "../domain/desired-state.ts";
import { presentAtoms, subtractState } from "../domain/state-snapshot.ts";
import { ServiceError } from "../errors.ts";
import { readAclObjects, readColumns, readUserSchemas } from "../postgres/acl-catalog.ts";
import { readRoles } from "../postgres/role-catalog.ts";
import type { Session } from "../postgres/session.ts";
import type { Decide } from "./apply.ts";
import type { Rights } from "./state-changes.ts";
import type { PlannedState, PlanSummary } from "./state-plan.ts";
import { describeObject, objectKey } from "./state-wanted.ts";

/** How to plan a state, and how to plan what is only to be given. */
interface Plans {
  readonly bring: (state: DesiredState) => Decide<PlannedState>;
  readonly give: (state: DesiredState) => Decide<PlannedState>;
}

/**
 * A plan for a state, and for what is to be given beside. On what the state is about, what is given has to be planned with
 * it, or would be taken as beyond it; the rest by itself, or what others gave there would be. What is not there any more is left out
 * with a warning; when the admin may not give something, nothing beside is given. Needs an open transaction.
 */
export function withMore(
  { bring, give }: Plans,
  state: DesiredState,
  given: Rights | undefined,
): Decide<PlannedState> {
  if (given === undefined || given.grants.length + given.memberships.length === 0) return bring(state);
  return async (session) => {
    const present = await readPresent(session, given);
    const { within, beside } = splitRights(state, present.rights);
    const first = await bring({ ...state, grants: [...state.grants, ...within] })(session);
    const warnings = [...first.warnings, ...present.warnings];
    await session.query("SAVEPOINT additions");
    try {
      const more = await give({ ...emptyState, ...beside })(session);
      return {
        ...first,
        statements: [...first.statements, ...more.statements],
        warnings: [...new Set([...warnings, ...more.warnings])],
        result: { ...first.result, summary: addSummaries(first.result.summary, more.result.summary) },
      };
    } catch (error) {
      if (!(error instanceof ServiceError) || error.kind !== "conflict") throw error;
      return {
        ...first,
        warnings: [...warnings, `What was taken since cannot be given back: ${error.message}`],
      };
    } finally {
      await session.query("ROLLBACK TO SAVEPOINT additions");
    }
  };
}

/** What the state says wins: a membership that it declares, and what PUBLIC is not to have. */
function splitRights(
  state: DesiredState,
  { grants, memberships }: Rights,
): { readonly within: readonly DesiredGrant[]; readonly beside: Rights } {
  const notPublic = { ...emptyState, grants: revocationsAsGrants(state.public_revocations) };
  const rest = subtractState(
    { ...emptyState, grants, memberships },
    { ...notPublic, memberships: state.memberships },
  );
  const about = presentAtoms(state.grants);
  const futureAbout = futureAtomsOf(state.grants);
  const revoked = presentAtoms(notPublic.grants);
  const isOn = (atom: GrantAtom, one: GrantAtom): boolean =>
    one.grantee === atom.grantee &&
    one.objectType === atom.objectType &&
    one.schema === atom.schema &&
    (one.name === null || one.name === atom.name);
  const isRevoked = (atom: GrantAtom): boolean =>
    revoked.some((one) => isOn(atom, one) && one.privilege === atom.privilege);
  const isWithin = (atom: GrantAtom): boolean => about.some((one) => isOn(atom, one));
  const isFutureWithin = (atom: FutureAtom): boolean =>
    futureAbout.some(
      (one) =>
        one.grantee === atom.grantee &&
        one.objectType === atom.objectType &&
        one.schema === atom.schema &&
        one.owner === atom.owner,
    );
  const atoms = presentAtoms(rest.grants).filter((atom) => !isRevoked(atom));
  const futures = futureAtomsOf(rest.grants);
  const not =
    <One>(test: (one: One) => boolean): ((one: One) => boolean) =>
    (one) =>
      !test(one);
  return {
    within: groupAtoms(atoms.filter(isWithin), futures.filter(isFutureWithin)),
    beside: {
      grants: groupAtoms(atoms.filter(not(isWithin)), futures.filter(not(isFutureWithin))),
      memberships: rest.memberships,
    },
  };
}

function addSummaries(one: PlanSummary, other: PlanSummary): PlanSummary {
  const sum = (part: keyof PlanSummary): number => one[part] + other[part];
  return {
    roles: sum("roles"),
    schemas: sum("schemas"),
    memberships: sum("memberships"),
    privileges: sum("privileges"),
    default_privileges: sum("default_privileges"),
    destructive: sum("destructive"),
    total: sum("total"),
  };
}

async function readPresent(
  session: Session,
  { grants, memberships }: Rights,
): Promise<{ readonly rights: Rights; readonly warnings: readonly string[] }> {
  const [atoms, futures] = [presentAtoms(grants), futureAtomsOf(grants)];
  const schemas = new Set((await readUserSchemas(session)).keys());
  const objects = new Set((await readAclObjects(session, [...schemas])).map(objectKey));
  const onColumns = atoms.flatMap(({ schema, name, column }) =>
    schema === null || name === null || column === null ? [] : [{ schema, name }],
  );
  const columns = onColumns.length === 0 ? new Set() : await readColumns(session, onColumns);
  const names = [
    ...[...atoms, ...futures].map((one) => one.grantee),
    ...futures.map((one) => one.owner),
    ...memberships.flatMap(({ role, member }) => [role, member]),
  ];
  const roles = await readRoles(session, names);
  const isRole = (name: string): boolean => name === publicGrantee || roles.has(name);
  const isColumn = ({ schema, name, column }: GrantAtom): boolean =>
    column === null || columns.has(JSON.stringify([schema, name, column]));
  const kept = atoms.filter(
    (one) => isRole(one.grantee) && isColumn(one) && objects.has(objectKey({ ...one, type: one.objectType })),
  );
  const keptFutures = futures.filter(
    (one) => isRole(one.grantee) && isRole(one.owner) && (one.schema === null || schemas.has(one.schema)),
  );
  const keptMembers = memberships.filter(({ role, member }) => isRole(role) && isRole(member));
  const lost = [
    ...atoms
      .filter((one) => !kept.includes(one))
      .map(
        (one) => `${one.privilege} on ${describeObject({ ...one, type: one.objectType })} to ${one.grantee}`,
      ),
    ...futures
      .filter((one) => !keptFutures.includes(one))
      .map((one) => `${one.privilege} on future ${one.objectType}s of ${one.owner} to ${one.grantee}`),
    ...memberships
      .filter((one) => !keptMembers.includes(one))
      .map(({ role, member }) => `the membership of ${member} in ${role}`),
  ];
  return {
    rights: { grants: groupAtoms(kept, keptFutures), memberships: keptMembers },
    warnings: lost.map((what) => `Not given back, since it is not there any more: ${what}.`),
  };
}

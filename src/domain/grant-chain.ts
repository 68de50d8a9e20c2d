/** A grant that rests on another one: who got it with the right to grant it on granted it to somebody else. */
export interface ChainedGrant {
  /** What is granted, such as a privilege on an object, or a role. */
  readonly subject: string;
  readonly grantee: string;
  readonly grantor: string;
  /** Whether the grantee may grant it on. */
  readonly grantable: boolean;
}

/** The grants to be ended, with what depends on them, each after everything that rests on it. */
export interface ChainEnd<Grant> {
  readonly ordered: readonly Grant[];
  /** Those that were to stay, and have to be given anew by somebody else first. */
  readonly regranted: readonly Grant[];
}

/**
 * PostgreSQL refuses to end a grant (or its option) while others rest on it (2BP01). `isEnded` says which are to go, or to lose
 * their option; `isRoot` which grantors need no grant of their own: owners and superusers; `isGivenAnew` which of those that were
 * to stay are given anew with their option, so that what rests on them may stay as it is.
 */
export function endChain<Grant extends ChainedGrant>(
  grants: readonly Grant[],
  isEnded: (grant: Grant) => boolean,
  isRoot: (grant: Grant) => boolean,
  isGivenAnew: (grant: Grant) => boolean = () => false,
): ChainEnd<Grant> {
  const supporters = new Map<string, Grant[]>();
  const dependents = new Map<string, Grant[]>();
  for (const grant of grants) {
    if (grant.grantable) push(supporters, JSON.stringify([grant.subject, grant.grantee]), grant);
    push(dependents, JSON.stringify([grant.subject, grant.grantor]), grant);
  }
  const ended = new Set(grants.filter(isEnded));
  const regranted = new Set<Grant>();
  for (let grows = ended.size > 0; grows; ) {
    grows = false;
    for (const grant of grants) {
      if (ended.has(grant) || isRoot(grant)) continue;
      const below = supporters.get(JSON.stringify([grant.subject, grant.grantor])) ?? [];
      const supports = (one: Grant): boolean => !ended.has(one) || (regranted.has(one) && isGivenAnew(one));
      if (below.length === 0 || below.some(supports)) continue;
      ended.add(grant);
      regranted.add(grant);
      grows = true;
    }
  }
  const ordered: Grant[] = [];
  const seen = new Set<Grant>();
  const visit = (grant: Grant): void => {
    if (seen.has(grant)) return;
    seen.add(grant);
    const above = dependents.get(JSON.stringify([grant.subject, grant.grantee])) ?? [];
    for (const one of above) if (ended.has(one)) visit(one);
    ordered.push(grant);
  };
  for (const grant of ended) visit(grant);
  return { ordered, regranted: [...regranted] };
}

function push<Value>(map: Map<string, Value[]>, key: string, value: Value): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

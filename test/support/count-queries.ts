import type { Context } from "../../src/operations/context.ts";
import type { Pools, Session } from "../../src/postgres/session.ts";

export interface QueryCount {
  readonly context: Context;
  /** The texts that were sent since the last call. */
  take(): string[];
}

/** A context whose queries are counted. */
export function countQueries(context: Context): QueryCount {
  let texts: string[] = [];
  const counted = (session: Session): Session => ({
    versionNum: session.versionNum,
    user: session.user,
    target: session.target,
    query(text, values, options) {
      texts.push(text);
      return session.query(text, values, options);
    },
  });
  const pools: Pools = {
    withSession: (target, options, fn) =>
      context.pools.withSession(target, options, (session) => fn(counted(session))),
    totals: () => context.pools.totals(),
    tryLogin: (...login) => context.pools.tryLogin(...login),
    console: context.pools.console,
  };
  return {
    context: { ...context, pools },
    take() {
      const taken = texts;
      texts = [];
      return taken;
    },
  };
}

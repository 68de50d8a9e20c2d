import type pg from "pg";
import { healthLimits } from "../../src/domain/database-health.ts";
import { readDatabaseHealth, readDatabaseSize } from "../../src/postgres/reads/health.ts";
import { readSchemaNames } from "../../src/postgres/reads/schemas.ts";
import { asSession, targetFields } from "./contestant.ts";

export type ReadName = "schemas" | "health";

/**
 * The queries of the two operations that are measured, on a raw pool, each with an answer such as the service's; by
 * name, as prepared statements, unless they are to be sent as text.
 */
export function createReads(
  pool: pg.Pool,
  as: "named" | "text" = "named",
): Record<ReadName, () => Promise<object>> {
  const session = asSession(pool, as);
  return {
    async schemas() {
      const schemas = await readSchemaNames(session);
      return { success: true, message: `Found ${schemas.length} schemas`, ...targetFields, schemas };
    },
    async health() {
      const client = await pool.connect();
      try {
        const inside = asSession(client, as);
        await client.query("BEGIN READ ONLY");
        await client.query("SET LOCAL statement_timeout = 30000");
        const reading = await readDatabaseHealth(inside, healthLimits);
        const size = await readDatabaseSize(inside);
        await client.query("COMMIT");
        return { success: true, message: "The database is healthy", ...targetFields, ...reading, size };
      } finally {
        client.release();
      }
    },
  };
}

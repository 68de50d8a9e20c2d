import type { Session } from "../session.ts";

/** `pg_class.relkind` of what GRANT calls a table: table, partitioned table, view, materialized view, foreign table. */
export type TableKind = "r" | "p" | "v" | "m" | "f";

export interface TableRow {
  readonly name: string;
  readonly kind: TableKind;
  /** Leaf partitions, at any depth and in any schema; 0 unless the table is partitioned. */
  readonly partitions: number;
  /** `reltuples`, summed over the leaves of a partitioned table; null when nothing of it was ever analysed. */
  readonly estimatedRows: number | null;
  /** With indexes and TOAST, and all partitions. */
  readonly sizeBytes: number;
}

/** The tables of a schema in byte order of their names. A partition is part of its parent if that is in the same schema. */
export async function readTables(session: Session, schemaOid: number): Promise<TableRow[]> {
  const { rows } = await session.query<TableRow>(tables, [schemaOid], {
    name: "tables_of_schema",
    read: true,
  });
  return rows;
}

/*
 * - pg_inherits is read as a plain catalog: pg_partition_tree() would lock every partition.
 * - pg_total_relation_size() takes a lock too, and would wait for whoever holds or awaits ACCESS EXCLUSIVE on the
 *   table, its indexes or its TOAST table. For such a table the size is what the last VACUUM or ANALYZE noted.
 * - pg_total_relation_size() is null for a table that was dropped meanwhile.
 * - reltuples is -1 until the first VACUUM, ANALYZE or CREATE INDEX (PostgreSQL 14 and later).
 */
const tables = `
WITH RECURSIVE listed AS (
  SELECT c.oid, c.relname, c.relkind
  FROM pg_catalog.pg_class c
  WHERE c.relnamespace = $1::oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
), tree (root, member) AS (
  SELECT l.oid, l.oid FROM listed l
  UNION ALL
  SELECT t.root, i.inhrelid
  FROM tree t
  JOIN pg_catalog.pg_class p ON p.oid = t.member AND p.relkind = 'p'
  JOIN pg_catalog.pg_inherits i ON i.inhparent = t.member
), locked AS MATERIALIZED (
  SELECT DISTINCT k.relation AS oid
  FROM pg_catalog.pg_locks k
  WHERE k.locktype = 'relation' AND k.mode = 'AccessExclusiveLock'
    AND k.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
), members AS (
  SELECT t.root, c.oid, c.relkind, c.reltuples, c.relpages, c.reltoastrelid,
    EXISTS (SELECT FROM locked k WHERE k.oid IN (c.oid, c.reltoastrelid))
      OR EXISTS (
        SELECT FROM pg_catalog.pg_index x JOIN locked k ON k.oid = x.indexrelid
        WHERE x.indrelid IN (c.oid, c.reltoastrelid)
      ) AS is_locked
  FROM tree t
  JOIN pg_catalog.pg_class c ON c.oid = t.member
  WHERE t.root NOT IN (SELECT o.member FROM tree o WHERE o.member <> o.root)
), totals AS (
  SELECT m.root,
    count(*) FILTER (WHERE m.relkind <> 'p') AS leaves,
    sum(m.reltuples::float8) FILTER (WHERE m.reltuples >= 0 AND m.relkind NOT IN ('p', 'v')) AS estimated_rows,
    sum(CASE WHEN m.is_locked
      THEN (
        SELECT sum(s.relpages::float8) * pg_catalog.current_setting('block_size')::float8
        FROM pg_catalog.pg_class s
        WHERE s.oid IN (m.oid, m.reltoastrelid) OR s.oid IN (
          SELECT x.indexrelid FROM pg_catalog.pg_index x WHERE x.indrelid IN (m.oid, m.reltoastrelid)
        )
      )
      ELSE pg_catalog.pg_total_relation_size(m.oid)::float8
    END) AS size_bytes
  FROM members m
  GROUP BY m.root
)
SELECT l.relname AS name, l.relkind AS kind,
  CASE WHEN l.relkind = 'p' THEN t.leaves ELSE 0 END::int AS partitions,
  t.estimated_rows AS "estimatedRows",
  COALESCE(t.size_bytes, 0) AS "sizeBytes"
FROM totals t
JOIN listed l ON l.oid = t.root
ORDER BY l.relname COLLATE "C"`;

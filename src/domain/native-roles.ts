/**
 * The predefined roles that a template may name, with the first PostgreSQL major that has each; 0 for those of every
 * supported one (https://www.postgresql.org/docs/current/predefined-roles.html). pg_database_owner takes no members.
 */
const nativeRoles: Readonly<Record<string, number>> = {
  pg_monitor: 0,
  pg_read_all_settings: 0,
  pg_read_all_stats: 0,
  pg_stat_scan_tables: 0,
  pg_signal_backend: 0,
  pg_checkpoint: 15,
  pg_create_subscription: 16,
  pg_use_reserved_connections: 16,
  pg_maintain: 17,
  pg_signal_autovacuum_worker: 18,
  pg_read_all_data: 0,
  pg_write_all_data: 0,
  pg_read_server_files: 0,
  pg_write_server_files: 0,
  pg_execute_server_program: 0,
};

/**
 * Those that reach beyond any schema: pg_read_all_data reads pg_authid's password verifiers, and who reaches the
 * server's files or programs is a superuser in effect.
 */
export const guardedNativeRoles: readonly string[] = [
  "pg_read_all_data",
  "pg_write_all_data",
  "pg_execute_server_program",
  "pg_read_server_files",
  "pg_write_server_files",
];

export const nativeRoleNames: readonly string[] = Object.keys(nativeRoles);

/** The first major that has a predefined role. */
export function nativeRoleSince(name: string): number {
  return nativeRoles[name] ?? 0;
}

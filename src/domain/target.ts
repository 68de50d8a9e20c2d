/** A Cloud SQL instance. All fields are validated before an `Instance` is made (see `parseTarget`). */
export interface Instance {
  readonly project: string;
  readonly region: string;
  readonly instance: string;
}

/** A database of an instance. All four fields key the connection pool. */
export interface Target extends Instance {
  readonly database: string;
}

/** The Cloud SQL connection name, `project:region:instance`. */
export function connectionName(instance: Instance): string {
  return `${instance.project}:${instance.region}:${instance.instance}`;
}

/** A key that is unique per instance: none of the three fields can hold a slash. */
export function instanceKey(instance: Instance): string {
  return `${instance.project}/${instance.region}/${instance.instance}`;
}

/** A key that is unique per database. The database name comes last, since it alone may hold any character. */
export function targetKey(target: Target): string {
  return `${instanceKey(target)}/${target.database}`;
}

/** Another database of the same instance. */
export function inDatabase(instance: Instance, database: string): Target {
  return { project: instance.project, region: instance.region, instance: instance.instance, database };
}

import { AdminApiError, invalidRequest } from "./sql-admin-errors.ts";
import {
  type AdminInstance,
  type AdminRequest,
  type AdminRoute,
  type ManagedServer,
  startMutation,
} from "./sql-admin-routes.ts";

const listDatabases = `
  SELECT datname AS name, pg_encoding_to_char(encoding) AS charset, datcollate AS collation,
         pg_get_userbyid(datdba) AS owner,
         (SELECT count(*)::int FROM pg_stat_activity activity WHERE activity.datid = d.oid) AS sessions
    FROM pg_database d
   WHERE NOT datistemplate AND datname <> 'cloudsqladmin'
   ORDER BY 1`;

interface ListedDatabase {
  readonly name: string;
  readonly charset: string;
  readonly collation: string;
  readonly owner: string;
  readonly sessions: number;
}

async function readDatabases(server: ManagedServer): Promise<ListedDatabase[]> {
  return (await server.querySuperuser<ListedDatabase>("postgres", listDatabases)).rows;
}

async function readDatabase(server: ManagedServer, name: string): Promise<ListedDatabase> {
  const database = (await readDatabases(server)).find((each) => each.name === name);
  if (!database) throw new AdminApiError(404, "databaseDoesNotExist", `The database ${name} does not exist.`);
  return database;
}

function describeDatabase(database: ListedDatabase, instance: AdminInstance, rootUrl: string) {
  const { name, charset, collation } = database;
  const path = `projects/${instance.projectId}/instances/${instance.name}/databases/${encodeURIComponent(name)}`;
  return {
    kind: "sql#database",
    name,
    charset,
    collation,
    instance: instance.name,
    project: instance.projectId,
    selfLink: `${rootUrl}/sql/v1beta4/${path}`,
  };
}

async function insertDatabase(request: AdminRequest): Promise<unknown> {
  const { instance, operations } = request;
  const { name, charset } = await request.readJson();
  if (typeof name !== "string" || name === "" || Buffer.byteLength(name) > 63) {
    throw invalidRequest("Database name must have 1 to 63 bytes");
  }
  if (name === "cloudsqladmin" || name.startsWith("template")) throw invalidRequest(`"${name}" is reserved`);
  if (charset !== undefined && charset !== "" && charset !== "UTF8") {
    throw invalidRequest(`Unsupported charset "${String(charset)}"; use UTF8`);
  }
  operations.assertFree(instance.name);
  if ((await readDatabases(instance.server)).some((each) => each.name === name)) {
    throw new AdminApiError(
      400,
      "invalid",
      `Invalid request: failed to create database "${name}". It already exists.`,
    );
  }
  return startMutation(request, "CREATE_DATABASE", () => instance.server.createDatabase(name));
}

/** PostgreSQL databases keep their charset and collation: only a change to what they are is accepted. */
async function patchDatabase(request: AdminRequest): Promise<unknown> {
  const { instance, operations, params } = request;
  const body = await request.readJson();
  operations.assertFree(instance.name);
  const database = await readDatabase(instance.server, params[0] ?? "");
  for (const field of ["charset", "collation"] as const) {
    if (body[field] !== undefined && body[field] !== database[field]) {
      throw invalidRequest(`${field} of a PostgreSQL database cannot be changed`);
    }
  }
  return startMutation(request, "UPDATE_DATABASE", async () => {});
}

async function deleteDatabase(request: AdminRequest): Promise<unknown> {
  const { instance, operations, params } = request;
  operations.assertFree(instance.name);
  const { name, owner, sessions } = await readDatabase(instance.server, params[0] ?? "");
  const failed = `failed to delete database "${name}". Detail: pq:`;
  if (owner !== "cloudsqlsuperuser" || name === "postgres") {
    const advice = 'Please use psql client to delete database that is not owned by "cloudsqlsuperuser"';
    throw invalidRequest(`${failed} must be owner of database ${name}. (${advice})`);
  }
  if (sessions > 0) throw invalidRequest(`${failed} database "${name}" is being accessed by other users`);
  return startMutation(request, "DELETE_DATABASE", () => instance.server.dropDatabase(name));
}

export const databaseRoutes: readonly AdminRoute[] = [
  {
    method: "GET",
    path: "databases",
    answer: async ({ instance, rootUrl }) => {
      const databases = await readDatabases(instance.server);
      return {
        kind: "sql#databasesList",
        items: databases.map((database) => describeDatabase(database, instance, rootUrl)),
      };
    },
  },
  {
    method: "GET",
    path: "databases/*",
    answer: async ({ instance, params, rootUrl }) =>
      describeDatabase(await readDatabase(instance.server, params[0] ?? ""), instance, rootUrl),
  },
  { method: "POST", path: "databases", answer: insertDatabase },
  { method: "PATCH", path: "databases/*", answer: patchDatabase },
  { method: "PUT", path: "databases/*", answer: patchDatabase },
  { method: "DELETE", path: "databases/*", answer: deleteDatabase },
];

import { ident, identList } from "../postgres/sql.ts";
import { iamDatabaseLogin } from "./access-tokens.ts";
import type { NewUser, UserType } from "./postgres-principals.ts";
import { AdminApiError, invalidRequest } from "./sql-admin-errors.ts";
import {
  type AdminInstance,
  type AdminRequest,
  type AdminRoute,
  type ManagedServer,
  startMutation,
} from "./sql-admin-routes.ts";

const userTypes: readonly UserType[] = [
  "BUILT_IN",
  "CLOUD_IAM_USER",
  "CLOUD_IAM_SERVICE_ACCOUNT",
  "CLOUD_IAM_GROUP",
];

const maxNameBytes = 63;

// Cloud SQL's users are the roles that may log in, and the IAM groups, which may not.
const listUsers = `
  SELECT role.rolname AS name,
         CASE WHEN pg_has_role(role.oid, 'cloudsqliamserviceaccount', 'MEMBER') THEN 'CLOUD_IAM_SERVICE_ACCOUNT'
              WHEN pg_has_role(role.oid, 'cloudsqliamgroup', 'MEMBER') THEN 'CLOUD_IAM_GROUP'
              WHEN pg_has_role(role.oid, 'cloudsqliamuser', 'MEMBER') THEN 'CLOUD_IAM_USER'
              ELSE 'BUILT_IN' END AS type,
         ARRAY(SELECT granted.rolname::text
                 FROM pg_auth_members membership JOIN pg_roles granted ON granted.oid = membership.roleid
                WHERE membership.member = role.oid GROUP BY 1 ORDER BY 1) AS roles
    FROM pg_roles role
   WHERE role.rolname !~ '^(cloudsql|pg_)' AND NOT role.rolsuper
     AND (role.rolcanlogin OR pg_has_role(role.oid, 'cloudsqliamgroup', 'MEMBER'))
   ORDER BY 1`;

interface ListedUser {
  readonly name: string;
  readonly type: UserType;
  readonly roles: readonly string[];
}

async function readUsers(server: ManagedServer): Promise<ListedUser[]> {
  return (await server.querySuperuser<ListedUser>("postgres", listUsers)).rows;
}

async function readUser(server: ManagedServer, name: string): Promise<ListedUser> {
  const user = (await readUsers(server)).find((each) => each.name === name);
  if (!user) throw new AdminApiError(404, "userDoesNotExist", `The user ${name} does not exist.`);
  return user;
}

// iamEmail stays empty: the API fills it for MySQL only.
function describeUser(user: ListedUser, instance: AdminInstance): Record<string, unknown> {
  const databaseRoles = user.roles.filter((role) => !role.startsWith("cloudsqliam"));
  return {
    kind: "sql#user",
    name: user.name,
    host: "",
    instance: instance.name,
    project: instance.projectId,
    type: user.type,
    ...(databaseRoles.length > 0 ? { databaseRoles } : {}),
    ...(user.type === "CLOUD_IAM_GROUP" ? { iamStatus: "ACTIVE" } : {}),
  };
}

function parseUser(body: Readonly<Record<string, unknown>>): NewUser {
  const { name, password, databaseRoles } = body;
  const type = userTypes.find((each) => each === (body.type ?? "BUILT_IN"));
  if (!type) throw invalidRequest(`Invalid user type: ${String(body.type)}`);
  if (typeof name !== "string" || name === "") throw invalidRequest("User name is required");
  if (password !== undefined && typeof password !== "string")
    throw invalidRequest("password must be a string");
  const roles = parseRoles(databaseRoles);
  if (type === "BUILT_IN" && !password) throw invalidRequest("Password is required for a built-in user");
  const parsed = type === "BUILT_IN" ? name : parseIamName(name, type, password);
  if (Buffer.byteLength(parsed) > maxNameBytes) {
    throw invalidRequest(`User name "${parsed}" is too long (max ${maxNameBytes})`);
  }
  if (/^(pg_|cloudsql)/.test(parsed) || ["public", "none"].includes(parsed)) {
    throw invalidRequest(`User name "${parsed}" is reserved`);
  }
  return {
    name: parsed,
    type,
    ...(password ? { password } : {}),
    ...(roles ? { databaseRoles: roles } : {}),
  };
}

function parseRoles(value: unknown): string[] | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value) || !value.every((role) => typeof role === "string")) {
    throw invalidRequest("databaseRoles must be a list of names");
  }
  return value;
}

function parseIamName(name: string, type: UserType, password: string | undefined): string {
  if (password) throw invalidRequest("A password cannot be set for an IAM user");
  const login = iamDatabaseLogin(name);
  if (!/^[^@\s]+@[^@\s]+$/.test(login))
    throw invalidRequest(`IAM user name "${name}" is not an email address`);
  const isServiceAccount = /@([^@]+\.iam|developer|appspot|cloudservices)$/.test(login);
  if (type === "CLOUD_IAM_SERVICE_ACCOUNT" && name.endsWith(".gserviceaccount.com")) {
    throw invalidRequest(`Omit the ".gserviceaccount.com" suffix of the service account "${name}"`);
  }
  if (isServiceAccount !== (type === "CLOUD_IAM_SERVICE_ACCOUNT")) {
    throw invalidRequest(`"${name}" does not match the user type ${type}`);
  }
  return login;
}

async function assertRolesExist(server: ManagedServer, roles: readonly string[]): Promise<void> {
  const { rows } = await server.querySuperuser(
    "postgres",
    "SELECT wanted FROM unnest($1::text[]) wanted WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted)",
    [roles],
  );
  if (rows[0]) throw invalidRequest(`Database role "${String(rows[0].wanted)}" does not exist`);
}

async function insertUser(request: AdminRequest): Promise<unknown> {
  const { instance, operations } = request;
  const { server } = instance;
  const user = parseUser(await request.readJson());
  operations.assertFree(instance.name);
  await assertRolesExist(server, user.databaseRoles ?? []);
  const taken = await server.querySuperuser("postgres", "SELECT FROM pg_roles WHERE rolname = $1::text", [
    user.name,
  ]);
  if (taken.rows.length > 0) {
    throw new AdminApiError(409, "alreadyExists", `Database user "${user.name}" already exists.`);
  }
  return startMutation(request, "CREATE_USER", () => server.createUser(user));
}

async function updateUser(request: AdminRequest): Promise<unknown> {
  const { instance, operations, query } = request;
  const { server } = instance;
  const { password } = await request.readJson();
  operations.assertFree(instance.name);
  const user = await readUser(server, parseNameParameter(query));
  if (password !== undefined && typeof password !== "string")
    throw invalidRequest("password must be a string");
  if (password && user.type !== "BUILT_IN") throw invalidRequest("A password cannot be set for an IAM user");
  const wanted = query.getAll("databaseRoles");
  await assertRolesExist(server, wanted);
  const spurious = user.roles.filter((role) => !wanted.includes(role) && !role.startsWith("cloudsqliam"));
  return startMutation(request, "UPDATE_USER", async () => {
    if (password) await server.setPassword(user.name, password);
    if (wanted.length > 0) {
      await server.querySuperuser("postgres", `GRANT ${identList(wanted)} TO ${ident(user.name)}`);
    }
    if (query.get("revokeExistingRoles") === "true" && spurious.length > 0) {
      await server.querySuperuser("postgres", `REVOKE ${identList(spurious)} FROM ${ident(user.name)}`);
    }
  });
}

function parseNameParameter(query: URLSearchParams): string {
  const name = query.get("name");
  if (!name) throw invalidRequest("User name is required");
  return name;
}

async function deleteUser(request: AdminRequest): Promise<unknown> {
  const { instance, operations, query } = request;
  const { server } = instance;
  operations.assertFree(instance.name);
  const { name } = await readUser(server, parseNameParameter(query));
  await assertDroppable(server, name);
  return startMutation(request, "DELETE_USER", () => server.dropUser(name));
}

/** A user who owns things or holds grants is refused at once, in PostgreSQL's words. */
async function assertDroppable(server: ManagedServer, name: string): Promise<void> {
  try {
    await server.querySuperuser("postgres", `BEGIN; DROP ROLE ${ident(name)}; ROLLBACK`);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const detail = error instanceof Error && "detail" in error ? ` Details: ${String(error.detail)}` : "";
    throw invalidRequest(`failed to delete user ${name}: . ${message}${detail}`);
  }
}

export const userRoutes: readonly AdminRoute[] = [
  {
    method: "GET",
    path: "users",
    answer: async ({ instance }) => {
      const users = await readUsers(instance.server);
      return { kind: "sql#usersList", items: users.map((user) => describeUser(user, instance)) };
    },
  },
  {
    method: "GET",
    path: "users/*",
    answer: async ({ instance, params }) =>
      describeUser(await readUser(instance.server, params[0] ?? ""), instance),
  },
  { method: "POST", path: "users", answer: insertUser },
  { method: "PUT", path: "users", answer: updateUser },
  { method: "DELETE", path: "users", answer: deleteUser },
];

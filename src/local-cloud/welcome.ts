import type { LocalCloud } from "./cloud.ts";
import type { LocalInstance } from "./local-instance.ts";

export interface WelcomeOptions {
  readonly cloud: LocalCloud;
  readonly serviceUrl: string | null;
  /** Whether the service asks who calls. */
  readonly asksCallers: boolean;
  readonly descriptionPath: string;
  /** Where the data stays after this run; undefined when it does not. */
  readonly keptIn: string | undefined;
}

/** What a local run shows when it is ready. */
export async function renderWelcome(options: WelcomeOptions): Promise<string> {
  const { cloud, serviceUrl, descriptionPath, keptIn } = options;
  const service =
    serviceUrl === null
      ? ["  service      none (--cloud-only)"]
      : [`  service      ${serviceUrl}`, `  reference    ${serviceUrl}/docs`];
  const lines = [
    "",
    serviceUrl === null ? "The local cloud is running." : "The service is running, on a local cloud.",
    "",
    ...service,
    `  project      ${cloud.projectId}`,
    `  described in ${descriptionPath}`,
    `  data         ${keptIn === undefined ? "gone when this ends (--keep keeps it)" : `kept in ${keptIn}`}`,
    `  faults       ${cloud.controlUrl}/faults`,
    "",
    ...cloud.instances.flatMap(describeInstance),
    "Settings that point a service at this cloud:",
    "",
    ...Object.entries(cloud.settings).map(([name, value]) => `  ${name}=${value}`),
    "",
    ...(serviceUrl === null ? [] : describeCallers(options)),
    ...(serviceUrl === null ? [] : await renderExamples(options, serviceUrl)),
    "Ctrl-C stops everything.",
    "",
  ];
  return `${lines.join("\n")}\n`;
}

function describeInstance(instance: LocalInstance): string[] {
  const { name, major, region, mode, databases, users, server } = instance;
  const kinds = users.map(({ name, type }) => (type === "BUILT_IN" ? `${name} (built-in)` : name));
  return [
    `Instance ${name}: PostgreSQL ${major} in ${region}, ${mode}`,
    "",
    `  databases    ${["postgres", ...databases].join(", ")}`,
    `  users        ${kinds.join(", ") || "none"}`,
    `  as admin     psql ${quote(server.adminUrl())}`,
    `  as superuser psql ${quote(server.superuserUrl())}`,
    "",
  ];
}

/** The command that later ones take their token from. */
function tokenCommand({ issuer }: LocalCloud): string {
  return `TOKEN=$(npm run --silent token -- ${issuer.principals[0]?.email})`;
}

function describeCallers({ cloud, asksCallers }: WelcomeOptions): string[] {
  if (!asksCallers) return ["The service asks nobody who they are (AUTH_MODE).", ""];
  return [
    "The service wants an ID token of its callers, as in production (AUTH_MODE=none: not). An hour's token is printed by",
    "",
    ...cloud.issuer.principals.map(({ email }) => `  npm run --silent token -- ${email}`),
    "",
  ];
}

const findSchema = `
  SELECT nspname AS schema FROM pg_namespace n
   WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'public')
     AND EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p'))
   ORDER BY 1 LIMIT 1`;

/** Commands to try, in this order, on the fleet's first database. */
async function renderExamples({ cloud, asksCallers }: WelcomeOptions, serviceUrl: string): Promise<string[]> {
  const instance = cloud.instances[0];
  if (!instance) return [];
  const database = instance.databases[0] ?? "postgres";
  const target = {
    project_id: instance.projectId,
    region: instance.region,
    instance_name: instance.name,
    database_name: database,
  };
  const post = (path: string, fields: Record<string, string> = {}) => {
    const body = quote(JSON.stringify({ ...target, ...fields }));
    const token = asksCallers ? ` -H "Authorization: Bearer $TOKEN"` : "";
    return `  curl -s ${serviceUrl}${path}${token} -H 'Content-Type: application/json' -d ${body}`;
  };
  const { rows } = await instance.server.querySuperuser<{ schema: string }>(database, findSchema);
  const user = instance.users.find(({ type }) => type === "CLOUD_IAM_USER") ?? instance.users[0];
  const fresh = { schema_name: "demo_shop" };
  return [
    "Try:",
    "",
    ...(asksCallers ? [`  ${tokenCommand(cloud)}`] : []),
    `  curl -s ${serviceUrl}/health`,
    post("/database/schemas"),
    ...(rows[0] ? [post("/database/tables", { schema_name: rows[0].schema })] : []),
    post("/schemas/create", fresh),
    post("/roles/initialize", fresh),
    ...(user
      ? [
          post("/roles/assign", { ...fresh, username: user.name, role_name: "reader" }),
          post("/roles/users", fresh),
        ]
      : []),
    "",
  ];
}

/** One word for a POSIX shell. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

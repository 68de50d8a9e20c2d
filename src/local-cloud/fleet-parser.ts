import { parseUsername } from "../domain/iam-user.ts";
import { identifierFault, parseTarget } from "../domain/names.ts";
import { type FieldFault, ServiceError } from "../errors.ts";
import type { Major } from "./postgres-binaries.ts";
import type { Mode } from "./postgres-bootstrap.ts";
import type { UserType } from "./postgres-principals.ts";

export interface Fleet {
  readonly projectId: string;
  readonly instances: readonly FleetInstance[];
}

export interface FleetInstance {
  readonly name: string;
  readonly region: string;
  readonly major: Major;
  readonly mode: Mode;
  /** Whether the secret of the admin's password is of the instance's region or of the project. */
  readonly secret: "regional" | "global";
  /** Without `postgres`, which always exists. */
  readonly databases: readonly string[];
  readonly users: readonly FleetUser[];
  readonly sql: readonly { readonly database: string; readonly file: string }[];
}

export interface FleetUser {
  /** As the file has it: of a service account, the whole e-mail address. */
  readonly name: string;
  /** The role's name in PostgreSQL. */
  readonly role: string;
  readonly type: UserType;
  readonly password?: string;
}

/** All that is wrong with a fleet file, each with its JSON pointer. */
export class FleetError extends Error {
  override readonly name = "FleetError";
  readonly faults: readonly FieldFault[];

  constructor(faults: readonly FieldFault[], options?: ErrorOptions) {
    const lines = faults.map(({ pointer, detail }) => `  ${pointer === "" ? "(file)" : pointer}: ${detail}`);
    super(`The fleet file has ${faults.length === 1 ? "a fault" : "faults"}:\n${lines.join("\n")}`, options);
    this.faults = faults;
  }
}

type Json = Readonly<Record<string, unknown>>;

/** A place in the file. Faults are collected, so that all are reported at once. */
interface Place {
  readonly pointer: string;
  readonly faults: FieldFault[];
}

const majors: readonly Major[] = [14, 15, 16, 17, 18];
const userTypes: readonly UserType[] = [
  "CLOUD_IAM_USER",
  "CLOUD_IAM_SERVICE_ACCOUNT",
  "CLOUD_IAM_GROUP",
  "BUILT_IN",
];

/** Checks a parsed fleet file. Throws a FleetError with every fault. */
export function parseFleet(value: unknown): Fleet {
  const root: Place = { pointer: "", faults: [] };
  const file = parseObject(value, root, ["project_id", "instances"]);
  const projectId = parseText(file.project_id, at(root, "project_id"));
  const instances = parseList(file.instances, at(root, "instances"), parseInstance(projectId));
  if (Array.isArray(file.instances) && file.instances.length === 0) {
    fault(at(root, "instances"), "must hold at least one instance");
  }
  refuseRepeated(
    instances.map(({ name }) => name),
    (index) => at(at(at(root, "instances"), index), "instance_name"),
  );
  if (root.faults.length > 0) throw new FleetError(distinct(root.faults));
  return { projectId, instances };
}

const instanceFields = ["instance_name", "region", "version", "mode", "secret", "databases", "users", "sql"];

function parseInstance(projectId: string): (value: unknown, place: Place) => FleetInstance {
  return (value, place) => {
    const fields = parseObject(value, place, instanceFields);
    const name = parseText(fields.instance_name, at(place, "instance_name"));
    const region = parseText(fields.region, at(place, "region"));
    checkTarget(projectId, region, name, place);
    const databasesAt = at(place, "databases");
    const named = parseList(withDefault(fields.databases, []), databasesAt, parseDatabase);
    refuseRepeated(named, (index) => at(databasesAt, index));
    const users = parseList(withDefault(fields.users, []), at(place, "users"), parseUser);
    refuseRepeated(
      users.map(({ role }) => role),
      (index) => at(at(at(place, "users"), index), "name"),
    );
    return {
      name,
      region,
      major: parseVersion(withDefault(fields.version, 17), at(place, "version")),
      mode: parseChoice(withDefault(fields.mode, "permissive"), at(place, "mode"), ["permissive", "strict"]),
      secret: parseChoice(withDefault(fields.secret, "regional"), at(place, "secret"), [
        "regional",
        "global",
      ]),
      databases: named.filter((database) => database !== "postgres"),
      users,
      sql: parseSql(withDefault(fields.sql, {}), at(place, "sql"), ["postgres", ...named]),
    };
  };
}

function checkTarget(project_id: string, region: string, instance_name: string, place: Place): void {
  try {
    parseTarget({ project_id, region, instance_name, database_name: "postgres" });
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    for (const { pointer, detail } of error.faults) {
      const above = pointer === "/project_id" ? "" : place.pointer;
      place.faults.push({ pointer: `${above}${pointer}`, detail });
    }
  }
}

function parseVersion(value: unknown, place: Place): Major {
  const text = String(value).replace(/^POSTGRES_/, "");
  const major = majors.find((each) => String(each) === text);
  if (major === undefined) fault(place, `must be one of ${majors.join(", ")} (also "17" or "POSTGRES_17")`);
  return major ?? 17;
}

function parseDatabase(value: unknown, place: Place): string {
  const name = parseText(value, place);
  const problem = identifierFault(name);
  if (name !== "" && problem) fault(place, problem);
  if (/^template[01]$|^cloudsqladmin$/.test(name)) fault(place, "is a name that Cloud SQL keeps for itself");
  return name;
}

function parseUser(value: unknown, place: Place): FleetUser {
  const fields = parseObject(value, place, ["name", "type", "password"]);
  const name = parseText(fields.name, at(place, "name"));
  const type = parseChoice(withDefault(fields.type, "BUILT_IN"), at(place, "type"), userTypes);
  const role = name === "" ? "" : parseRole(name, type, at(place, "name"));
  if (fields.password === undefined) return { name, role, type };
  if (type !== "BUILT_IN") fault(at(place, "password"), "only a BUILT_IN user has a password");
  return { name, role, type, password: parseText(fields.password, at(place, "password")) };
}

function parseRole(name: string, type: UserType, place: Place): string {
  try {
    const { normalized, kind } = parseUsername("name", name);
    const expected =
      type === "BUILT_IN" ? undefined : type === "CLOUD_IAM_SERVICE_ACCOUNT" ? "service_account" : "email";
    if (expected !== undefined && kind !== expected) {
      fault(place, `is not the e-mail address of a ${type}`);
    }
    if (name === "postgres") fault(place, "always exists: it is the admin");
    return type === "BUILT_IN" ? name : normalized;
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    fault(place, error.faults[0]?.detail ?? error.message);
    return name;
  }
}

function parseSql(value: unknown, place: Place, databases: readonly string[]) {
  const fields = parseObject(value, place);
  return Object.entries(fields).map(([database, file]) => {
    const here = at(place, database);
    if (!databases.includes(database)) fault(here, "is not among the instance's databases");
    return { database, file: parseText(file, here) };
  });
}

function at(place: Place, key: string | number): Place {
  const escaped = String(key).replaceAll("~", "~0").replaceAll("/", "~1");
  return { pointer: `${place.pointer}/${escaped}`, faults: place.faults };
}

function fault(place: Place, detail: string): void {
  place.faults.push({ pointer: place.pointer, detail });
}

function parseObject(value: unknown, place: Place, known?: readonly string[]): Json {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    fault(place, "must be an object");
    return {};
  }
  for (const key of Object.keys(value)) {
    if (known && !known.includes(key)) fault(at(place, key), `is unknown; known are ${known.join(", ")}`);
  }
  return { ...value };
}

function parseList<T>(value: unknown, place: Place, parse: (item: unknown, place: Place) => T): T[] {
  if (Array.isArray(value)) return value.map((item, index) => parse(item, at(place, index)));
  fault(place, "must be a list");
  return [];
}

function parseText(value: unknown, place: Place): string {
  if (typeof value === "string" && value !== "") return value;
  fault(place, "must be a text that is not empty");
  return "";
}

function parseChoice<T extends string>(value: unknown, place: Place, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === value);
  if (found === undefined) fault(place, `must be one of ${choices.join(", ")}`);
  return found ?? (choices[0] as T);
}

function refuseRepeated(names: readonly string[], place: (index: number) => Place): void {
  for (const [index, name] of names.entries()) {
    if (name !== "" && names.indexOf(name) !== index) fault(place(index), `repeats ${name}`);
  }
}

/** One fault a place: the first says enough (an empty name also fails its pattern). */
function distinct(faults: readonly FieldFault[]): FieldFault[] {
  return faults.filter(
    (each, index) => faults.findIndex(({ pointer }) => pointer === each.pointer) === index,
  );
}

/** A null is a value, and a wrong one. */
function withDefault(value: unknown, fallback: unknown): unknown {
  return value === undefined ? fallback : value;
}

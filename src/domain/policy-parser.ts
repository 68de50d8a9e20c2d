import type { FieldFault } from "../errors.ts";
import {
  type Binding,
  type Policy,
  type PolicyPrincipal,
  type PolicyRole,
  type PrincipalKind,
  policyRoles,
  type TemporaryAccess,
} from "./policy.ts";
import { parseTargetPattern, type TargetPattern } from "./target-pattern.ts";

/** All that is wrong with a policy, in one error. */
export class PolicyError extends Error {
  override readonly name = "PolicyError";
  readonly faults: readonly FieldFault[];

  constructor(faults: readonly FieldFault[]) {
    super(
      `The policy is wrong: ${faults.map(({ pointer, detail }) => `${pointer || "/"} ${detail}`).join("; ")}`,
    );
    this.faults = faults;
  }
}

type Fields = Readonly<Record<string, unknown>>;

/** Notes a fault and goes on, so that all are reported at once. */
type Fault = (pointer: string, detail: string) => void;

const bindingFields = ["principals", "role", "targets", "role_kinds", "native_roles", "access"];
const maxFaults = 50;
const maxBindings = 2_000;
const maxListed = 1_000;

/** A policy from what YAML, JSON or Firestore gave. Throws one PolicyError with every fault and where it is. */
export function parsePolicy(document: unknown): Policy {
  const faults: FieldFault[] = [];
  const fault: Fault = (pointer, detail) => void faults.push({ pointer, detail });
  const bindings = parseDocument(document, fault);
  if (faults.length > 0) throw new PolicyError(faults.slice(0, maxFaults));
  return { bindings };
}

function parseDocument(document: unknown, fault: Fault): Binding[] {
  if (!isFields(document)) {
    fault("", "must be an object with the fields version and bindings");
    return [];
  }
  refuseUnknown(document, ["version", "bindings"], "", fault);
  if (document.version !== 1) fault("/version", "must be 1");
  const bindings = listOf(document.bindings, "/bindings", maxBindings, fault);
  return bindings.flatMap((one, index) => parseBinding(one, `/bindings/${index}`, fault));
}

function parseBinding(value: unknown, at: string, fault: Fault): Binding[] {
  if (!isFields(value)) {
    fault(at, "must be an object with the fields principals, role and targets");
    return [];
  }
  refuseUnknown(value, bindingFields, at, fault);
  const role = policyRoles.find((one) => one === value.role);
  if (role === undefined) fault(`${at}/role`, `must be one of ${policyRoles.join(", ")}`);
  const optional = (field: string): string[] | undefined =>
    value[field] === undefined ? undefined : parseNames(value[field], `${at}/${field}`, fault);
  const roleKinds = optional("role_kinds");
  const access = value.access === undefined ? undefined : parseAccess(value.access, `${at}/access`, fault);
  return [
    {
      principals: parsePrincipals(value.principals, `${at}/principals`, fault),
      role: role ?? ("viewer" satisfies PolicyRole),
      targets: parseTargets(value.targets, `${at}/targets`, fault),
      ...(roleKinds === undefined ? {} : { roleKinds }),
      nativeRoles: optional("native_roles") ?? [],
      ...(access === undefined ? {} : { access }),
    },
  ];
}

function parsePrincipals(value: unknown, at: string, fault: Fault): PolicyPrincipal[] {
  return texts(value, at, fault).flatMap(([text, pointer]) => {
    const principal = parsePrincipal(text);
    if (principal !== undefined) return [principal];
    fault(
      pointer,
      "must be user:EMAIL, serviceAccount:EMAIL, group:EMAIL, domain:NAME or anonymous, such as user:alice@example.com",
    );
    return [];
  });
}

const email = /^[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+$/;
const domain = /^[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+$/;
const forms: Readonly<Record<Exclude<PrincipalKind, "anonymous">, RegExp>> = {
  user: email,
  serviceAccount: email,
  group: email,
  domain,
};

/** A principal as policies write it: `user:alice@example.com`; undefined when it is none. */
export function parsePrincipal(text: string): PolicyPrincipal | undefined {
  if (text === "anonymous") return { kind: "anonymous", name: "" };
  const colon = text.indexOf(":");
  const kind = (["user", "serviceAccount", "group", "domain"] as const).find(
    (one) => one === text.slice(0, Math.max(0, colon)),
  );
  const name = text.slice(colon + 1).toLowerCase();
  return kind !== undefined && forms[kind].test(name) ? { kind, name } : undefined;
}

function parseTargets(value: unknown, at: string, fault: Fault): TargetPattern[] {
  return texts(value, at, fault).flatMap(([text, pointer]) => {
    const pattern = parseTargetPattern(text);
    if (!("fault" in pattern)) return [pattern];
    fault(pointer, pattern.fault);
    return [];
  });
}

function parseNames(value: unknown, at: string, fault: Fault): string[] {
  return texts(value, at, fault, 0).flatMap(([text, pointer]) => {
    if (/^[^\p{C}\p{Z}]{1,63}$/u.test(text)) return [text];
    fault(pointer, "must be a name of at most 63 characters without spaces");
    return [];
  });
}

const longestMs = 366 * 86_400_000;
const units = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

function parseAccess(value: unknown, at: string, fault: Fault): TemporaryAccess | undefined {
  if (!isFields(value)) {
    fault(at, "must be an object with the fields approvers and max_duration");
    return undefined;
  }
  refuseUnknown(value, ["approvers", "max_duration"], at, fault);
  const approvers = parsePrincipals(value.approvers, `${at}/approvers`, fault);
  approvers.forEach(({ kind }, index) => {
    if (kind === "anonymous") fault(`${at}/approvers/${index}`, "must not be anonymous");
  });
  const text = typeof value.max_duration === "string" ? value.max_duration : "";
  const [, number, unit] = /^([1-9][0-9]{0,5})([mhd])$/.exec(text) ?? [];
  const maxDurationMs = Number(number) * units[(unit ?? "m") as keyof typeof units];
  if (!(maxDurationMs <= longestMs)) {
    fault(`${at}/max_duration`, "must be minutes, hours or days up to 366d, such as 30m, 8h or 7d");
  }
  return { approvers, maxDurationMs };
}

/** The strings of a list that is not empty, each with its pointer. */
function texts(value: unknown, at: string, fault: Fault, fewest = 1): [text: string, pointer: string][] {
  const list = listOf(value, at, maxListed, fault);
  if (Array.isArray(value) && list.length < fewest) fault(at, "must not be empty");
  return list.flatMap((one, index): [string, string][] => {
    if (typeof one === "string") return [[one, `${at}/${index}`]];
    fault(`${at}/${index}`, "must be a text; put quotes around it");
    return [];
  });
}

function listOf(value: unknown, at: string, most: number, fault: Fault): readonly unknown[] {
  if (!Array.isArray(value)) fault(at, value === undefined ? "is required" : "must be a list");
  else if (value.length > most) fault(at, `must not have more than ${most} entries`);
  else return value;
  return [];
}

function refuseUnknown(fields: Fields, known: readonly string[], at: string, fault: Fault): void {
  for (const name of Object.keys(fields)) {
    if (known.includes(name)) continue;
    const shown = name.slice(0, 100).replaceAll("~", "~0").replaceAll("/", "~1");
    fault(`${at}/${shown}`, `is not a known field; there are ${known.join(", ")}`);
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

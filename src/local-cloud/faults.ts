import type { FieldFault } from "../errors.ts";
import { type FaultTargets, faultDefinitions, type Parameter } from "./fault-definitions.ts";

/** A fault that is switched on, with its parameters as they were asked for. */
export interface ActiveFault extends Readonly<Record<string, unknown>> {
  readonly fault: string;
}

export interface FaultEntry {
  readonly fault: string;
  readonly description: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/** The faults of a local cloud. */
export interface Faults {
  /** What can be switched on. */
  readonly catalogue: readonly FaultEntry[];
  list(): ActiveFault[];
  /**
   * Switches a fault on: `{fault, instance_name?, ...}`. One that is on already, for the same instance, is replaced.
   * Rejects with a FaultRequestError when the request is wrong.
   */
  switchOn(request: unknown): Promise<ActiveFault>;
  /** Switches all off and undoes what they did. */
  clear(): Promise<void>;
}

/** A request for a fault that does not exist, or with wrong parameters. */
export class FaultRequestError extends Error {
  override readonly name = "FaultRequestError";
  readonly faults: readonly FieldFault[];

  constructor(faults: readonly FieldFault[]) {
    super(
      faults.map(({ pointer, detail }) => `${pointer === "" ? "the request" : pointer} ${detail}`).join("; "),
    );
    this.faults = faults;
  }
}

export function createFaults(targets: FaultTargets): Faults {
  const active = new Map<string, { readonly shown: ActiveFault; readonly undo: () => unknown }>();
  // One change at a time: two that overlap could undo each other's work.
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(change: () => Promise<T>): Promise<T> => {
    const result = last.then(change);
    last = result.catch(() => {});
    return result;
  };

  async function switchOff(key: string): Promise<void> {
    const found = active.get(key);
    active.delete(key);
    await found?.undo();
  }

  return {
    catalogue: Object.entries(faultDefinitions).map(([fault, { description, parameters }]) => ({
      fault,
      description,
      parameters: Object.fromEntries(
        Object.entries(parameters).map(([name, parameter]) => [name, explain(parameter)]),
      ),
    })),
    list: () => [...active.values()].map(({ shown }) => shown),
    switchOn: (request) =>
      inTurn(async () => {
        const { fault, parameters } = parseRequest(request, targets);
        const key = `${fault}/${parameters.instance_name ?? ""}`;
        await switchOff(key);
        const shown = { fault, ...parameters };
        active.set(key, { shown, undo: await definitionOf(fault).start(targets, parameters) });
        return shown;
      }),
    clear: () =>
      inTurn(async () => {
        for (const key of [...active.keys()].reverse()) await switchOff(key);
      }),
  };
}

function definitionOf(fault: string) {
  const definition = Object.hasOwn(faultDefinitions, fault) ? faultDefinitions[fault] : undefined;
  if (definition) return definition;
  const known = Object.keys(faultDefinitions).join(", ");
  throw new FaultRequestError([{ pointer: "/fault", detail: `is unknown; known are ${known}` }]);
}

function explain(parameter: Parameter): string {
  switch (parameter.kind) {
    case "instance":
      return "the name of an instance";
    case "choice":
      return `one of ${parameter.choices.join(", ")}; ${parameter.choices[0]} when not given`;
    case "integer":
      return `a whole number, ${parameter.min} to ${parameter.max}; ${parameter.fallback} when not given`;
  }
}

function parseRequest(request: unknown, targets: FaultTargets) {
  if (typeof request !== "object" || request === null || Array.isArray(request)) {
    throw new FaultRequestError([
      { pointer: "", detail: 'must be a JSON object such as {"fault": "sql_admin_down"}' },
    ]);
  }
  const { fault, ...given }: Record<string, unknown> = { ...request };
  if (typeof fault !== "string")
    throw new FaultRequestError([{ pointer: "/fault", detail: "must be the name of a fault" }]);
  const definition = definitionOf(fault);
  const faults: FieldFault[] = [];
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(definition.parameters, name)) continue;
    faults.push({ pointer: `/${name}`, detail: `is no parameter of ${fault}` });
  }
  const parameters: Record<string, string | number> = {};
  for (const [name, parameter] of Object.entries(definition.parameters)) {
    const value = parseParameter(given[name], parameter, targets);
    if (value === undefined) faults.push({ pointer: `/${name}`, detail: `must be ${explain(parameter)}` });
    else parameters[name] = value;
  }
  if (faults.length > 0) throw new FaultRequestError(faults);
  return { fault, parameters };
}

function parseParameter(
  value: unknown,
  parameter: Parameter,
  targets: FaultTargets,
): string | number | undefined {
  switch (parameter.kind) {
    case "instance":
      return targets.instances.find(({ name }) => name === value)?.name;
    case "choice":
      return parameter.choices.find((choice) => choice === (value ?? parameter.choices[0]));
    case "integer": {
      const number = value ?? parameter.fallback;
      if (typeof number !== "number" || !Number.isInteger(number)) return undefined;
      return number >= parameter.min && number <= parameter.max ? number : undefined;
    }
  }
}

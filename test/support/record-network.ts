/**
 * Loaded before a program's main module, by NODE_OPTIONS: appends every address that the process connects to, sends
 * to or looks up, to the file NETWORK_RECORD, one JSON line each.
 */
import dgram from "node:dgram";
import dns from "node:dns";
import { appendFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import net from "node:net";

const file = process.env.NETWORK_RECORD ?? "";

function record(how: string, target: unknown): void {
  appendFileSync(
    file,
    `${JSON.stringify({ how, target: String(target), program: process.argv[1] ?? "" })}\n`,
  );
}

/** Wraps a method so that `look` sees its arguments first. */
function observe(owner: object, method: string, look: (args: unknown[]) => void): void {
  const original: unknown = Reflect.get(owner, method);
  if (typeof original !== "function") throw new Error(`no method ${method} to observe`);
  Reflect.set(owner, method, function observed(this: unknown, ...args: unknown[]) {
    look(args);
    return Reflect.apply(original, this, args);
  });
}

interface ConnectArguments {
  readonly host?: string;
  readonly port?: number;
  readonly path?: string;
}

observe(net.Socket.prototype, "connect", ([first, second]) => {
  // node:net calls it with its own normalised array; everyone else as the documentation says.
  const options = Array.isArray(first) ? first[0] : first;
  if (typeof options === "object" && options !== null) {
    const { host, path } = options as ConnectArguments;
    record("connect", path ? `path:${path}` : (host ?? "localhost"));
  } else {
    record("connect", typeof second === "string" ? second : "localhost");
  }
});
observe(dgram.Socket.prototype, "send", (args) => {
  record("send", args.findLast((argument) => typeof argument === "string") ?? "localhost");
});
observe(dgram.Socket.prototype, "connect", ([, address]) => record("send", address ?? "localhost"));

const lookups = ["lookup", "resolve", "resolve4", "resolve6", "resolveAny", "resolveSrv", "resolveTxt"];
for (const method of lookups) {
  for (const owner of [dns, dns.promises]) observe(owner, method, ([name]) => record("look-up", name));
}
for (const resolver of [dns.Resolver.prototype, dns.promises.Resolver.prototype]) {
  for (const method of lookups.slice(1)) observe(resolver, method, ([name]) => record("look-up", name));
}
syncBuiltinESMExports();

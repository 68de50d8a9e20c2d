import { FaultRequestError, type Faults } from "./faults.ts";
import { type HttpAnswer, type HttpRequest, startLoopbackHttp } from "./loopback-http.ts";

export interface ControlServer {
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Switches faults from outside: GET /faults lists those that are on and those that there are, POST /faults
 * `{fault, instance_name?, ...}` switches one on, DELETE /faults switches all off.
 */
export async function startControlServer(options: {
  readonly faults: Faults;
  readonly port?: number | undefined;
}): Promise<ControlServer> {
  const http = await startLoopbackHttp((request) => answerControl(request, options.faults), options);
  return { url: http.url, stop: http.stop };
}

async function answerControl(request: HttpRequest, faults: Faults): Promise<HttpAnswer> {
  // A page in a browser could send these requests too: it cannot forge the Host, and cannot hide its Origin.
  if (
    request.headers.origin !== undefined ||
    !/^(127\.0\.0\.1|localhost)(:\d+)?$/.test(request.headers.host ?? "")
  ) {
    return problem(403, "Only for programs on this machine.");
  }
  if (request.url.pathname !== "/faults") return problem(404, "There is only /faults.");
  switch (request.method) {
    case "GET":
      return { status: 200, body: { faults: faults.list(), available: faults.catalogue } };
    case "POST":
      return switchOn(request, faults);
    case "DELETE":
      await faults.clear();
      return { status: 200, body: { faults: [] } };
    default:
      return { ...problem(405, "Use GET, POST or DELETE."), headers: { Allow: "GET, POST, DELETE" } };
  }
}

async function switchOn(request: HttpRequest, faults: Faults): Promise<HttpAnswer> {
  let body: unknown;
  try {
    body = JSON.parse(await request.readBody());
  } catch {
    return problem(400, "The body is not valid JSON.");
  }
  try {
    return { status: 200, body: { switched_on: await faults.switchOn(body), faults: faults.list() } };
  } catch (error) {
    if (error instanceof FaultRequestError) return problem(400, error.message, error.faults);
    return problem(500, error instanceof Error ? error.message : String(error));
  }
}

function problem(status: number, message: string, errors?: unknown): HttpAnswer {
  return { status, body: { message, ...(errors === undefined ? {} : { errors }) } };
}

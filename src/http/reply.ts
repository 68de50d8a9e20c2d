import type { ServerResponse } from "node:http";
import type { ServiceError } from "../errors.ts";
import { acceptedAt } from "./accepted.ts";
import type { Outcome } from "./api.ts";
import { commonHeaders } from "./common-headers.ts";
import type { Headers } from "./cors.ts";
import { docsPolicy } from "./docs.ts";
import { type Occurrence, problemBody, problemHeaders, problems, problemType } from "./problem.ts";
import { ClientGone } from "./request-end.ts";

/** An answer, ready to be sent. */
export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

const commonList = Object.entries(commonHeaders);

const json = { "Content-Type": "application/json; charset=utf-8" };
const jsonList = [...commonList, ...Object.entries(json)].flat();
// A page may use the styles that it carries, and nothing else.
const page = { "Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": docsPolicy };

/** What an operation answered, with the fields that all successes share. */
export function successReply({ answer, target, enveloped }: Outcome, seconds: number): Reply {
  if (typeof answer === "string") return { status: 200, headers: page, body: answer };
  if (!enveloped) return { status: 200, headers: json, body: JSON.stringify(answer) };
  const fields = {
    success: true,
    message: answer.message,
    ...(target === undefined
      ? {}
      : {
          project_id: target.project,
          region: target.region,
          instance_name: target.instance,
          database_name: target.database,
        }),
    ...answer,
    execution_time_seconds: seconds,
  };
  const place = acceptedAt(answer);
  const body = JSON.stringify(fields);
  if (place === undefined) return { status: 200, headers: json, body };
  return { status: 202, headers: { ...json, Location: place, "Retry-After": "2" }, body };
}

/** Not a status of HTTP: what the log shows when nobody waited for the answer, as nginx has it. */
const clientGoneStatus = 499;

export function problemReply(error: ServiceError | ClientGone, occurrence: Occurrence): Reply {
  if (error instanceof ClientGone) return { status: clientGoneStatus, headers: {}, body: "" };
  const body = JSON.stringify(problemBody(error, occurrence));
  return {
    status: problems[error.kind].status,
    headers: { "Content-Type": problemType, ...problemHeaders(error) },
    body,
  };
}

/** Does nothing when the client has gone. `headers` go before the common ones, and the reply's own before all. */
export function sendReply(response: ServerResponse, reply: Reply, headers: Headers): void {
  if (response.destroyed || response.headersSent) return;
  const list =
    reply.headers === json ? jsonHeaderList(headers) : headerList({ ...headers, ...reply.headers });
  if (reply.status !== 204) list.push("Content-Length", String(Buffer.byteLength(reply.body)));
  // A flat list, since Node makes one of anything else.
  response.writeHead(reply.status, list);
  response.end(reply.body);
}

/** Nearly every answer: what all of them have is a list already. */
function jsonHeaderList(own: Headers): string[] {
  const list = jsonList.slice();
  for (const name in own) {
    if (name in commonHeaders || name in json) return headerList({ ...own, ...json });
    list.push(name, own[name] ?? "");
  }
  return list;
}

function headerList(own: Headers): string[] {
  const list: string[] = [];
  for (const [name, value] of commonList) if (own[name] === undefined) list.push(name, value);
  for (const name in own) list.push(name, own[name] ?? "");
  return list;
}

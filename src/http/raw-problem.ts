import { STATUS_CODES } from "node:http";
import { commonHeaders } from "./common-headers.ts";
import { problemType } from "./problem.ts";
import { newRequestId } from "./request-id.ts";

const statuses: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

/** The bytes that answer what is no HTTP request, after which the connection is closed. */
export function rawProblem(code: string | undefined): string {
  const status = statuses[code ?? ""] ?? 400;
  const title = STATUS_CODES[status] ?? "Bad Request";
  const requestId = newRequestId();
  const message = `This is no HTTP request that can be read (${title})`;
  const body = JSON.stringify({
    type: "/docs#validation_error",
    title: "The request is not valid",
    status,
    detail: message,
    instance: `/#${requestId}`,
    success: false,
    error_type: "validation_error",
    message,
    details: {},
    execution_time_seconds: 0,
    request_id: requestId,
  });
  const head = [
    `HTTP/1.1 ${status} ${title}`,
    `Content-Type: ${problemType}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...Object.entries(commonHeaders).map(([name, value]) => `${name}: ${value}`),
    `X-Request-Id: ${requestId}`,
    "Connection: close",
  ];
  return `${head.join("\r\n")}\r\n\r\n${body}`;
}

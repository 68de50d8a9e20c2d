import { randomFillSync } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

export type RequestIds = {
  /** In every log line, in every answer's header and in every problem. */
  readonly requestId: string;
  /** 32 hexadecimal digits; undefined unless the caller is part of a trace. */
  readonly traceId?: string;
  /** 16 hexadecimal digits. */
  readonly spanId?: string;
  readonly sampled?: boolean;
};

// https://cloud.google.com/trace/docs/trace-context#legacy-http-header: TRACE_ID/SPAN_ID;o=OPTIONS, span in decimal
const cloudTrace = /^([0-9a-f]{32})(?:\/([0-9]{1,20}))?(?:;o=([0-9]))?$/i;
// https://www.w3.org/TR/trace-context/#traceparent-header
const traceparent = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;
const sane = /^[0-9A-Za-z._-]{1,128}$/;
const zeros = /^0+$/;
const maxSpan = 2n ** 64n - 1n;

/** The trace's id when the caller sent one, else the caller's X-Request-Id when it is sane, else a new one. */
export function readRequestIds(headers: IncomingHttpHeaders): RequestIds {
  const trace = readCloudTrace(headers["x-cloud-trace-context"]) ?? readTraceparent(headers.traceparent);
  if (trace !== undefined) return trace;
  const given = headers["x-request-id"];
  if (typeof given === "string" && sane.test(given)) return { requestId: given };
  return { requestId: newRequestId() };
}

const idBytes = 16;
const entropy = Buffer.alloc(256 * idBytes);
let used = entropy.length;

/** 32 hexadecimal digits. Entropy is fetched for many at once: asking for it costs more than an id. */
export function newRequestId(): string {
  if (used === entropy.length) {
    randomFillSync(entropy);
    used = 0;
  }
  used += idBytes;
  return entropy.toString("hex", used - idBytes, used);
}

function readCloudTrace(value: string | string[] | undefined): RequestIds | undefined {
  const [, trace, span, options] = (typeof value === "string" && cloudTrace.exec(value)) || [];
  if (trace === undefined || zeros.test(trace)) return undefined;
  const traceId = trace.toLowerCase();
  const sampled = options === "1";
  const number = span === undefined ? 0n : BigInt(span);
  if (number === 0n || number > maxSpan) return { requestId: traceId, traceId, sampled };
  return { requestId: traceId, traceId, spanId: number.toString(16).padStart(16, "0"), sampled };
}

function readTraceparent(value: string | string[] | undefined): RequestIds | undefined {
  const [, traceId, spanId, flags] = (typeof value === "string" && traceparent.exec(value)) || [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  if (zeros.test(traceId) || zeros.test(spanId)) return undefined;
  return { requestId: traceId, traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

import type { SessionFilter } from "./door.ts";
import { createMessageTransform, encodeMessage } from "./door-messages.ts";
import { DONE_SQLSTATE, PROCEDURE } from "./role-grant-procedures.ts";
import { roleGrantCall } from "./role-grant-statement.ts";

/** Longer texts are no grants of roles that anyone writes, and need not be held. */
const MAX_STATEMENT_BYTES = 16_384;
const MAX_RESPONSE_BYTES = 65_536;

/**
 * Cloud SQL's server lets members of cloudsqlsuperuser grant a role that they did not create; the stock server refuses
 * from 16 on. Giving the admin ADMIN OPTION instead would make it a standing member of IAM roles, which locks its login.
 * So a message that is one GRANT or REVOKE of roles becomes a CALL of a procedure that does it. When it has, it says so
 * by an INFO of its own SQLSTATE, after which the CALL's command tag is changed back. All else passes byte for byte.
 */
export function createRoleGrantFilter(): SessionFilter {
  let tag: string | undefined;
  return {
    fromClient: createMessageTransform({
      wants: (type, length) => (type === "Q" || type === "P") && length >= 4 && length < MAX_STATEMENT_BYTES,
      change: rewriteRequest,
    }),
    fromServer: createMessageTransform({
      wants: (type, length) =>
        (type === "N" || type === "E" || (type === "C" && tag !== undefined)) &&
        length >= 4 &&
        length < MAX_RESPONSE_BYTES,
      change(message) {
        const done = tag;
        tag = undefined;
        if (message[0] === "C".charCodeAt(0)) return done ? encodeMessage("C", text(`${done}\0`)) : message;
        const fields = parseFields(message);
        if (fields.get("C") !== DONE_SQLSTATE) return withoutContext(message, fields);
        tag = fields.get("M");
        return undefined;
      },
    }),
  };
}

/** Text as the bytes that came, whatever the client's encoding. */
function text(value: string): Buffer {
  return Buffer.from(value, "latin1");
}

function rewriteRequest(message: Buffer): Buffer {
  const body = message.subarray(5);
  const isParse = message[0] === "P".charCodeAt(0);
  const start = isParse ? body.indexOf(0) + 1 : 0;
  const end = body.indexOf(0, start);
  if (end < 0) return message;
  const call = roleGrantCall(body.toString("latin1", start, end));
  if (call === undefined) return message;
  const changed = [body.subarray(0, start), text(call), body.subarray(end)];
  return encodeMessage(isParse ? "P" : "Q", Buffer.concat(changed));
}

function parseFields(message: Buffer): Map<string, string> {
  const fields = new Map<string, string>();
  for (const field of message.toString("latin1", 5).split("\0")) {
    if (field !== "") fields.set(field.slice(0, 1), field.slice(1));
  }
  return fields;
}

/** A GRANT that was sent as such has no context and no position within a procedure. */
function withoutContext(message: Buffer, fields: Map<string, string>): Buffer {
  if (!fields.get("W")?.includes(PROCEDURE)) return message;
  for (const key of ["W", "p", "q", "P"]) fields.delete(key);
  const kept = [...fields].map(([key, value]) => `${key}${value}\0`).join("");
  return encodeMessage(String.fromCharCode(message[0] ?? 0), text(`${kept}\0`));
}

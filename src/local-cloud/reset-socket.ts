import type { Socket } from "node:net";

/**
 * Ends a TCP connection by a reset, or, where that is too late, by closing it: after a reset of a socket that is just
 * ending, Node 24 keeps its handle for ever, and the process does not exit by itself.
 */
export function resetSocket(socket: Socket | undefined): void {
  if (socket === undefined || socket.destroyed) return;
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

/**
 * Loaded before the service's main module by a local run: when the process that started it has gone, whatever the
 * reason, its standard input ends, and the service stops as on SIGTERM.
 */
process.stdin.on("error", () => {});
process.stdin.once("close", () => process.kill(process.pid, "SIGTERM"));
process.stdin.resume();
// Watching alone keeps no service alive that could not start.
process.stdin.unref();

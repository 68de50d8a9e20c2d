/** Runs when this process exits without having stopped the server. Returns a function that takes it back. */
export function atExit(abandon: () => void): () => void {
  const safely = () => {
    try {
      abandon();
    } catch {
      // The next start cleans what is left.
    }
  };
  if (abandoned.size === 0) process.once("exit", runAbandoned);
  abandoned.add(safely);
  return () => {
    abandoned.delete(safely);
    if (abandoned.size === 0) process.off("exit", runAbandoned);
  };
}

/** One listener for all servers: Node warns from the eleventh on. */
const abandoned = new Set<() => void>();

function runAbandoned(): void {
  for (const abandon of abandoned) abandon();
}

import { hasErrno } from "../core/errors.ts";

/** Signals that the container gets when we get them; SIGWINCH and SIGCONT belong to the terminal relay. */
const forwarded = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM"] as const;

/** So many requests to end, and the container is killed: whoever repeats himself means it. */
const patience = 3;
/** After the terminal is gone nobody can ask again: the container has so long to end by itself. */
const hangupGraceMs = 10_000;

/** Sends `signal` to `pid`; that it has just ended is no error. */
export function sendSignal(pid: number, signal: number | NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!hasErrno(error, "ESRCH")) throw error;
  }
}

/**
 * Forwards our signals to the container's pid 1, which passes them to the command. Returns what stops it. A third
 * SIGINT or SIGTERM, or ten seconds after SIGHUP, becomes SIGKILL.
 */
export function forwardSignals(init: number): () => void {
  let requests = 0;
  let grace: NodeJS.Timeout | undefined;
  const handlers = forwarded.map((name) => {
    const handler = (): void => {
      if (name === "SIGINT" || name === "SIGTERM") requests += 1;
      sendSignal(init, requests >= patience ? "SIGKILL" : name);
      if (name === "SIGHUP") grace ??= setTimeout(() => sendSignal(init, "SIGKILL"), hangupGraceMs);
    };
    process.on(name, handler);
    return { name, handler };
  });
  return () => {
    clearTimeout(grace);
    for (const { name, handler } of handlers) process.off(name, handler);
  };
}

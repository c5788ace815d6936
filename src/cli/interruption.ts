const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** A promise of the first signal that asks us to end, which then does not end us by itself. */
export interface Interruption extends Disposable {
  readonly signal: AbortSignal;
  /** As if a signal had come. */
  readonly interrupt: () => void;
  /** Waits so long, or until we are asked to end. False then. */
  readonly pause: (ms: number) => Promise<boolean>;
}

/** Catches Ctrl-C and its kin until disposed of. */
export function catchInterruption(): Interruption {
  const controller = new AbortController();
  const { signal } = controller;
  const abort = (): void => controller.abort();
  for (const name of signals) process.on(name, abort);
  const pause = (ms: number): Promise<boolean> =>
    new Promise((resolve) => {
      if (signal.aborted) {
        resolve(false);
        return;
      }
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", end);
        resolve(!signal.aborted);
      };
      const timer = setTimeout(end, Math.max(0, ms));
      signal.addEventListener("abort", end);
    });
  return {
    signal,
    interrupt: abort,
    pause,
    [Symbol.dispose]: () => {
      for (const name of signals) process.removeListener(name, abort);
    },
  };
}

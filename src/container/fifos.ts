import { join } from "../core/join.ts";
import { makeFifo, openFifo } from "../sys/fifo.ts";

/**
 * The FIFOs in the runtime directory of a detached container. Its monitor holds both ends of each open, so that neither
 * side sees the other go: a supervisor may die and another read on. `ended` says that the exit record is there, and its
 * end that the monitor is gone; a byte in `collected` lets the monitor go. What is
 * written to a terminal goes through `stdout`.
 */
export const fifoNames = ["ended", "collected", "stdout", "stderr", "stdin"] as const;
export type FifoName = (typeof fifoNames)[number];

export function fifoPath(runDirectory: string, name: FifoName): string {
  return join(runDirectory, name);
}

/** Makes the FIFOs and opens what the monitor will hold, in the order of {@link fifoNames}. The caller closes them. */
export function openHeld(runDirectory: string, names: readonly FifoName[]): number[] {
  return names.map((name) => {
    makeFifo(fifoPath(runDirectory, name));
    return openFifo(fifoPath(runDirectory, name), "hold");
  });
}

import { constants, openSync } from "node:fs";
import { hasErrno } from "../core/errors.ts";
import { call } from "./call.ts";

/** mkfifo(3), mode 0600; one that exists is fine. */
export function makeFifo(path: string): void {
  try {
    call("int mkfifo(const char *path, unsigned int mode)", [path, 0o600], { call: "mkfifo", subject: path });
  } catch (error) {
    if (!hasErrno(error, "EEXIST")) throw error;
  }
}

/** How a FIFO is opened (fifo(7)). */
export type FifoMode = "read" | "write" | "hold" | "command-reads" | "command-writes";

const flags: Readonly<Record<FifoMode, number>> = {
  read: constants.O_RDONLY | constants.O_NONBLOCK,
  write: constants.O_WRONLY | constants.O_NONBLOCK,
  // Both ends at once: neither the other readers nor the other writers see an end of it.
  hold: constants.O_RDWR,
  // For another program: it expects to wait for data, and for room. Only while somebody holds it: else this waits.
  "command-reads": constants.O_RDONLY,
  "command-writes": constants.O_WRONLY,
};

/** Opens a FIFO, close-on-exec. @throws ENXIO for "write" when nobody reads. */
export function openFifo(path: string, mode: FifoMode): number {
  return openSync(path, flags[mode]);
}

import { closeSync, readSync, writeSync } from "node:fs";
import { hasErrno } from "../core/errors.ts";
import { spliceToPipe } from "../sys/splice.ts";
import { duplicate, setNonBlocking } from "../sys/stdio.ts";

/** As much as a FIFO takes at once. */
const chunkSize = 64 * 1024;

/**
 * Moves what is written to a terminal into a FIFO of the runtime directory, which outlives this process: between the two
 * it is in nobody's hands. From the FIFO it goes on as the output of a container without a terminal does.
 */
export class TerminalFeed {
  /** What is to be watched: a descriptor of its own, because Node's event loop watches each for one purpose only. */
  readonly watched: number;
  readonly #fifo: number;
  #splices = true;

  /** `terminal`: the outer end, made non-blocking, which stays the caller's; `fifo`: the writing end, closed with this. */
  constructor(terminal: number, fifo: number) {
    setNonBlocking(terminal);
    this.watched = duplicate(terminal);
    this.#fifo = fifo;
  }

  /** Moves what there is now: bytes, undefined for none, false when nobody has the terminal open any more. */
  move(): number | undefined | false {
    try {
      return this.#splices ? spliceToPipe(this.watched, this.#fifo, chunkSize) : this.#copy();
    } catch (error) {
      if (hasErrno(error, "EIO")) return false;
      // Linux 5.10 could not do it with terminals.
      if (!this.#splices || !hasErrno(error, "EINVAL")) throw error;
      this.#splices = false;
      return this.move();
    }
  }

  #copy(): number | undefined {
    const bytes = Buffer.allocUnsafe(4096);
    try {
      const length = readSync(this.watched, bytes);
      // The FIFO is empty whenever we come here.
      writeSync(this.#fifo, bytes, 0, length);
      return length;
    } catch (error) {
      if (hasErrno(error, "EAGAIN")) return undefined;
      throw error;
    }
  }

  close(): void {
    closeSync(this.watched);
    closeSync(this.#fifo);
  }
}

import { closeSync, readSync } from "node:fs";
import { hasErrno } from "../core/errors.ts";
import { watchReadable } from "../sys/readiness.ts";
import type { Fanout, StreamName } from "./fanout.ts";

/** So many times a pipe is read before others have their turn. */
const readsInARow = 16;
const chunkSize = 64 * 1024;

/** Takes what a pipe holds: undefined when that is nothing, no bytes at its end, false when it has to be read. */
export type Fill = (stream: StreamName, pipe: number) => Buffer | undefined | false;

/**
 * Reads a pipe of a container for a {@link Fanout}, when it is wanted and not before: what is not read stays in the pipe,
 * and what is read goes through `fill`, which can keep it safe from the end of this process.
 */
export class PipeReader {
  readonly fd: number;
  readonly #stream: StreamName;
  readonly #fanout: Fanout;
  readonly #fill: Fill;
  #unwatch: (() => void) | undefined;
  #closed = false;

  /** `fd` is closed with it. */
  constructor(fd: number, stream: StreamName, fanout: Fanout, fill: Fill) {
    this.fd = fd;
    this.#stream = stream;
    this.#fanout = fanout;
    this.#fill = fill;
    fanout.addSource(this);
  }

  get destroyed(): boolean {
    return this.#closed;
  }

  pause(): void {
    this.#unwatch?.();
    this.#unwatch = undefined;
  }

  resume(): void {
    if (!this.#closed) this.#unwatch ??= watchReadable(this.fd, () => this.#read());
  }

  #read(): void {
    for (let reads = 0; reads < readsInARow && this.#unwatch !== undefined; reads++) {
      const bytes = this.#next();
      if (bytes === undefined) return;
      if (bytes.length === 0) {
        this.close();
        return;
      }
      this.#fanout.pass(this.#stream, bytes);
    }
  }

  #next(): Buffer | undefined {
    const filled = this.#fill(this.#stream, this.fd);
    if (filled !== false) return filled;
    const bytes = Buffer.allocUnsafeSlow(chunkSize);
    try {
      return bytes.subarray(0, readSync(this.fd, bytes));
    } catch (error) {
      if (hasErrno(error, "EAGAIN")) return undefined;
      throw error;
    }
  }

  /** Reads no more; may be called twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.pause();
    this.#fanout.removeSource(this);
    closeSync(this.fd);
  }
}

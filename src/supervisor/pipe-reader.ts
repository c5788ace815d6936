import { closeSync, readSync } from "node:fs";
import { hasErrno } from "../core/errors.ts";
import { watchReadable } from "../sys/readiness.ts";
import type { Fanout, StreamName } from "./fanout.ts";
import type { TerminalFeed } from "./terminal-feed.ts";

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
  readonly #feed: TerminalFeed | undefined;
  #unwatch: (() => void) | undefined;
  #closed = false;

  /** `fd` is closed with it, and so is `feed`: what fills the pipe, when that is not the container itself. */
  constructor(fd: number, stream: StreamName, fanout: Fanout, fill: Fill, feed?: TerminalFeed) {
    this.fd = fd;
    this.#feed = feed;
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
    if (this.#closed || this.#unwatch !== undefined) return;
    const unwatch = watchReadable(this.#feed?.watched ?? this.fd, () => this.#read());
    this.#unwatch = unwatch;
    if (this.#feed === undefined) return;
    // What lies in the pipe already does not show where it comes from.
    setImmediate(() => {
      if (this.#unwatch === unwatch) this.#read();
    });
  }

  #read(): void {
    for (let reads = 0; reads < readsInARow && this.#unwatch !== undefined; reads++) {
      const taken = this.take();
      if (taken === undefined) return;
      if (taken) continue;
      if (this.#feed === undefined) this.close();
      else this.pause();
      return;
    }
  }

  /** Passes on what there is now: true; undefined when there is nothing, false at the end. */
  take(): boolean | undefined {
    const fed = this.#feed?.move();
    const bytes = this.#next();
    if (bytes === undefined) return fed === false ? false : undefined;
    if (bytes.length === 0) return false;
    this.#fanout.pass(this.#stream, bytes);
    return true;
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
    this.#feed?.close();
  }
}

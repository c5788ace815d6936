import { writeSync } from "node:fs";
import { hasErrno } from "../core/errors.ts";

/** The container reads on when it likes, and nothing tells: more than 4 KiB typed ahead are tried again after this. */
const retryMs = 10;

/** Passes on what the user types, no faster than the container's terminal takes it, and never in the way of its output. */
export class Keyboard {
  readonly #master: number;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  /** `master` is non-blocking. `lost` is called when no more can come: the user's terminal is gone. */
  constructor(master: number, lost: () => void) {
    this.#master = master;
    const { stdin } = process;
    const end = (): void => {
      if (!this.#stopped) lost();
    };
    stdin.on("error", end);
    stdin.on("end", end);
    stdin.on("data", (bytes: Buffer) => this.#type(bytes));
  }

  #type(bytes: Buffer): void {
    if (this.#stopped) return;
    for (let at = 0; at < bytes.length; ) {
      try {
        at += writeSync(this.#master, bytes, at);
      } catch (error) {
        if (hasErrno(error, "EAGAIN")) {
          process.stdin.pause();
          this.#timer = setTimeout(() => this.#retry(bytes.subarray(at)), retryMs);
          return;
        }
        // The container has hung up its terminal: nobody is left to read it.
        if (hasErrno(error, "EIO")) return;
        throw error;
      }
    }
  }

  #retry(bytes: Buffer): void {
    process.stdin.resume();
    this.#type(bytes);
  }

  /** No more is read, and what has not been taken yet is dropped. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    process.stdin.pause();
  }
}

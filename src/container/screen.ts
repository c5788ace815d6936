import { closeSync, readSync } from "node:fs";
import type { ConnectOpts, SocketConstructorOpts } from "node:net";
import type { Writable } from "node:stream";
import { isatty, ReadStream } from "node:tty";
import { hasErrno } from "../core/errors.ts";
import { duplicate } from "../sys/stdio.ts";
import { openInnerEnd } from "../sys/tty.ts";

/**
 * Our stdout, never waiting in a write: keys and signals must reach the container also while nobody reads its output.
 * Node's stream for a terminal to write to does wait; the one to read from does not, and writes as well.
 */
function openStdout(): Writable {
  return isatty(1) ? new ReadStream(1) : process.stdout;
}

/** Shows what the container writes to its terminal, no faster than stdout takes it. */
export class Screen {
  readonly #master: number;
  readonly #stdout = openStdout();
  readonly #buffer = Buffer.alloc(65_536);
  /**
   * Keeps the terminal from ending while the container runs: its processes may all close it and open it again, also by
   * hanging it up (vhangup).
   */
  readonly #inner: number;
  #source: ReadStream | undefined;
  #finishing = false;
  #lost = false;
  #onLost = (): void => undefined;

  /** `master` is non-blocking and stays the caller's. */
  constructor(master: number) {
    this.#master = master;
    this.#inner = openInnerEnd(master);
  }

  /** Begins. `lost` is called once when nobody reads stdout any more: then the container's output is dropped. */
  start(lost: () => void): void {
    this.#stdout.on("error", () => {
      if (!this.#lost && !this.#finishing) lost();
      this.lose();
    });
    this.#stdout.on("drain", () => this.#source?.resume());
    this.#listen();
  }

  /**
   * Node's stream reads while the container runs, never to the end: it would take the end to be where the last user of
   * the terminal leaves, with up to 64 KiB of output not yet read (libuv: POLLHUP after a partial read).
   */
  #listen(): void {
    const options: SocketConstructorOpts & Pick<ConnectOpts, "onread"> = {
      // Nothing is buffered in the stream, where an error would lose it.
      onread: { buffer: this.#buffer, callback: (length) => this.#show(length) },
    };
    // Not our own descriptor: it closes the one it is given.
    const source = new ReadStream(duplicate(this.#master), options);
    this.#source = source;
    source.resume();
  }

  /** True when more may come at once. */
  #show(length: number): boolean {
    // A copy: the buffer is read into again before these bytes are written.
    return this.#lost || this.#stdout.write(Buffer.from(this.#buffer.subarray(0, length)));
  }

  /** Nobody looks at it any more; the container can still write. */
  readonly lose = (): void => {
    this.#lost = true;
    this.#onLost();
    this.#source?.resume();
  };

  /** Shows what is left when the container has ended, and waits until all is written, or lost. */
  async finish(): Promise<void> {
    this.#finishing = true;
    this.#source?.destroy();
    this.#source = undefined;
    const lost = new Promise<void>((resolve) => {
      this.#onLost = resolve;
    });
    while (!this.#lost) {
      // The kernel hands over all that was written before it says that there is nothing.
      const length = this.#readRest();
      // An empty write comes back when all before it are written.
      const written = new Promise<void>((resolve) => {
        this.#stdout.write(Buffer.from(this.#buffer.subarray(0, length)), () => resolve());
      });
      await Promise.race([written, lost]);
      if (length === 0) break;
    }
    closeSync(this.#inner);
  }

  #readRest(): number {
    try {
      return readSync(this.#master, this.#buffer);
    } catch (error) {
      if (hasErrno(error, "EAGAIN", "EIO")) return 0;
      throw error;
    }
  }
}

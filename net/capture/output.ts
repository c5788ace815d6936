import { closeSync, constants, fstatSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { Socket } from "node:net";
import { hasErrno, messageOf, SetupError, UsageError } from "../../src/core/errors.ts";
import { noteStdioFlags } from "../../src/sys/stdio.ts";

/** Where captured packets go. */
export interface Output {
  /** Takes bytes, which may be used again at once. @throws SetupError when they cannot be written. */
  write(bytes: Buffer): void;
  /** Resolves when there is room for more, or `abort`: a reader that takes nothing must not keep us. */
  drained(abort: AbortSignal): Promise<void>;
  /** True when whoever read it has gone: there is nothing left to do. */
  readonly closed: boolean;
  /** Calls back when that happens. */
  onClosed(listener: () => void): void;
  close(): Promise<void>;
}

const tooFull = ["ENOSPC", "EDQUOT", "EFBIG"];

/**
 * A file, a device or a terminal: written at once. When there is no room for all of the bytes none of them are in it: it
 * ends with the last whole block.
 */
class FileOutput implements Output {
  readonly closed = false;
  readonly #fd: number;
  readonly #name: string;
  readonly #regular: boolean;
  #size = 0;

  constructor(fd: number, name: string) {
    this.#fd = fd;
    this.#name = name;
    this.#regular = fstatSync(fd).isFile();
    this.#size = this.#regular ? fstatSync(fd).size : 0;
  }

  write(bytes: Buffer): void {
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at);
      this.#size += bytes.length;
    } catch (error) {
      if (this.#regular) ftruncateSync(this.#fd, this.#size);
      const why = hasErrno(error, ...tooFull) ? "no room is left" : messageOf(error);
      throw new SetupError(`${this.#name}: ${why}; what is in it is whole`, { cause: error });
    }
  }

  onClosed(): void {}

  async drained(): Promise<void> {}

  async close(): Promise<void> {
    if (this.#fd > 2) closeSync(this.#fd);
  }
}

/** A pipe or a socket: a reader that is slow makes us wait, and packets are dropped meanwhile. */
class StreamOutput implements Output {
  closed = false;
  readonly #socket: Socket;
  readonly #restore: () => void;
  #waiting = false;
  #listener: () => void = () => undefined;

  constructor(fd: number) {
    this.#restore = noteStdioFlags();
    this.#socket = new Socket({ fd, readable: false, writable: true });
    this.#socket.on("drain", () => {
      this.#waiting = false;
    });
    this.#socket.on("error", () => {
      this.closed = true;
      this.#listener();
    });
  }

  write(bytes: Buffer): void {
    // It may be written later, when the bytes have long become others.
    if (!this.closed) this.#waiting = !this.#socket.write(Buffer.from(bytes));
  }

  onClosed(listener: () => void): void {
    this.#listener = listener;
  }

  async drained(abort: AbortSignal): Promise<void> {
    if (!this.#waiting || this.closed || abort.aborted) return;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        abort.removeEventListener("abort", end);
        for (const event of ["drain", "close"]) this.#socket.removeListener(event, end);
        resolve();
      };
      abort.addEventListener("abort", end);
      for (const event of ["drain", "close"]) this.#socket.once(event, end);
    });
  }

  async close(): Promise<void> {
    const patience = 1000;
    await new Promise<void>((resolve) => {
      if (this.#socket.closed) {
        resolve();
        return;
      }
      // A reader that takes nothing does not get the rest.
      const timer = setTimeout(() => this.#socket.destroy(), patience);
      this.#socket.once("close", () => {
        clearTimeout(timer);
        resolve();
      });
      if (this.closed) this.#socket.destroy();
      else this.#socket.end();
    });
    this.#restore();
  }
}

function outputOn(fd: number, name: string): Output {
  const about = fstatSync(fd);
  return about.isFIFO() || about.isSocket() ? new StreamOutput(fd) : new FileOutput(fd, name);
}

/** Standard output. */
export function standardOutput(): Output {
  return outputOn(1, "standard output");
}

/** A new file, in the place of one that is there. @throws UsageError when it cannot be opened. */
export function fileOutput(path: string): Output {
  const { O_WRONLY, O_CREAT, O_TRUNC, O_NONBLOCK } = constants;
  try {
    // O_NONBLOCK: a FIFO that nobody reads is an error, and not for ever.
    return outputOn(openSync(path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK, 0o666), `-w ${path}`);
  } catch (error) {
    const why = hasErrno(error, "ENXIO") ? "nobody reads it" : messageOf(error);
    throw new UsageError(`-w ${path}: ${why}`, { cause: error });
  }
}

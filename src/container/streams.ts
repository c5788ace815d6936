import { closeSync, read, readSync, writeSync } from "node:fs";
import { hasErrno, SetupError } from "../core/errors.ts";
import { layout } from "../program/layout.ts";
import { decodeMessage, type Message } from "../program/message.ts";
import { isReadable } from "../sys/poll.ts";

/**
 * One of the two streams between us and the launched processes. The ladder:
 *
 *   parent                      monitor (control)          child, command (sync)
 *     |  program ------------------>|
 *     |<------------- cloned PID ---|------ clone3 ----------->|
 *     |  (network, names)                                      |  mounts, pivot_root...
 *     |<---------------------- terminal, only with -t ---------|
 *     |  1 byte: go ------------------------------------------>|
 *     |<--------------------- failed STEP ERRNO, or -----------|
 *     |<--------------------- end of file: execve has happened-|
 *     |<------------- exited STATUS |
 *
 * Anything else is refused.
 */
export class Stream {
  readonly fd: number;
  #open = true;
  #exited = false;

  constructor(fd: number) {
    this.fd = fd;
  }

  /** True once the monitor has said how the container ended. */
  get exited(): boolean {
    return this.#exited;
  }

  /** The next message, waiting for it; undefined at end of file. `begun` holds bytes of it that were read already. */
  receive(begun?: Uint8Array): Message | undefined {
    const buffer = Buffer.alloc(layout.messageSize);
    let have = begun?.length ?? 0;
    buffer.set(begun ?? []);
    while (have < buffer.length) {
      const got = this.#readSome(buffer, have);
      if (got === 0 && have === 0) return undefined;
      if (got === 0) throw new SetupError("init ended in the middle of a message");
      have += got;
    }
    return decodeMessage(buffer);
  }

  #readSome(buffer: Buffer, at: number): number {
    try {
      return readSync(this.fd, buffer, at, buffer.length - at, null);
    } catch (error) {
      // The other end went away with data of ours unread: for a reader that is the end, too.
      if (hasErrno(error, "ECONNRESET")) return 0;
      throw error;
    }
  }

  /**
   * The next message, without blocking the event loop for longer than `soonMs`: one that comes so soon needs no thread,
   * and Node's are only started by the first who does.
   */
  async receiveLater(soonMs = 0): Promise<Message | undefined> {
    if (soonMs > 0 && isReadable(this.fd, soonMs)) {
      const message = this.receive();
      this.#exited ||= message?.kind === "exited";
      return message;
    }
    const buffer = Buffer.alloc(layout.messageSize);
    let have = 0;
    while (have < buffer.length) {
      const got = await new Promise<number>((resolve, reject) => {
        read(this.fd, buffer, have, buffer.length - have, null, (error, length) => {
          if (error === null) resolve(length);
          else if (error.code === "ECONNRESET") resolve(0);
          else reject(error);
        });
      });
      if (got === 0) return undefined;
      have += got;
    }
    const message = decodeMessage(buffer);
    this.#exited ||= message.kind === "exited";
    return message;
  }

  /** Tells the waiting child to go on. One that has failed already is not there to hear it: its message tells. */
  go(): void {
    try {
      writeSync(this.fd, Buffer.from([1]));
    } catch (error) {
      if (!hasErrno(error, "EPIPE", "ECONNRESET")) throw error;
    }
  }

  get closed(): boolean {
    return !this.#open;
  }

  /** Tells the monitor that we have done our part: it takes away what the container leaves when it ends. */
  release(): void {
    this.go();
  }

  /** Closes our end; may be called twice. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.fd);
  }
}

import { closeSync, readSync } from "node:fs";
import { Socket } from "node:net";
import { ReadStream } from "node:tty";
import { fifoPath } from "../container/fifos.ts";
import type { ContainerRecord } from "../container/record.ts";
import type { StartedContainer } from "../container/start.ts";
import { containerPaths } from "../container/store.ts";
import { hasErrno } from "../core/errors.ts";
import type { Instance } from "../core/paths.ts";
import { openFifo } from "../sys/fifo.ts";
import { holdTerminal, readableBytes, resizeTerminal } from "../sys/pty.ts";
import type { Fanout } from "./fanout.ts";
import { type Fill, PipeReader } from "./pipe-reader.ts";
import type { Stdin } from "./stdin.ts";

/** Nothing comes for so many looks: somebody outside holds the terminal open, and what he writes is not waited for. */
const idleLooks = 50;

/** How often it is looked whether all has been taken of what a container that has ended had written. */
const drainMs = 2;

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, drainMs));
}

/**
 * One run of a detached container, from its start (or its adoption by a new supervisor) to its end: reads its output,
 * feeds its stdin, and hears of its end. Everything is driven by the event loop: an idle container costs nothing.
 */
export class ContainerRun {
  /** Resolves when the command has ended, or its monitor was killed: true. False when we have left it. */
  readonly ended: Promise<boolean>;
  /** Resolves when the monitor is gone too. */
  readonly gone: Promise<void>;
  readonly #terminal: { readonly stream: ReadStream; readonly fd: number } | undefined;
  /** Held while it runs: its processes may all close the terminal and open it again. */
  #inner: number | undefined;
  readonly #pipes: PipeReader[] = [];
  readonly #news: Socket;
  readonly #fanout: Fanout;
  readonly #stdin: Stdin;
  #left = false;

  constructor(
    instance: Instance,
    { record, terminal, stdin }: Omit<StartedContainer, "record"> & { readonly record: ContainerRecord },
    fanout: Fanout,
    clientStdin: Stdin,
    fill: Fill,
  ) {
    const { run } = containerPaths(instance, record.id);
    this.#fanout = fanout;
    this.#stdin = clientStdin;
    const news = new Socket({
      fd: openFifo(fifoPath(run, "ended"), "read"),
      readable: true,
      writable: false,
    });
    this.gone = new Promise((resolve) => {
      news.once("close", () => resolve());
      news.on("error", () => news.destroy());
    });
    this.#news = news;
    this.ended = new Promise((resolve) => {
      news.once("data", () => resolve(true));
      news.once("end", () => resolve(true));
      news.once("close", () => resolve(!this.#left));
    });
    if (terminal === undefined) {
      for (const name of ["stdout", "stderr"] as const) {
        this.#pipes.push(new PipeReader(openFifo(fifoPath(run, name), "read"), name, fanout, fill));
      }
      if (stdin !== undefined) {
        clientStdin.connect(new Socket({ fd: stdin, readable: false, writable: true }));
      }
    } else {
      this.#inner = holdTerminal(terminal);
      const stream = new ReadStream(terminal);
      fanout.read(stream, "stdout");
      clientStdin.connect(stream);
      this.#terminal = { stream, fd: terminal };
    }
  }

  /** The terminal's size; without a terminal, or when it has ended, nothing happens. */
  resize(rows: number, columns: number): void {
    if (this.#terminal === undefined || this.#terminal.stream.destroyed) return;
    try {
      resizeTerminal(this.#terminal.fd, rows, columns);
    } catch (error) {
      if (!hasErrno(error, "EIO", "EBADF")) throw error;
    }
  }

  /** Resolves when all that was written before the end has been passed on. */
  async drain(): Promise<void> {
    while (this.#unread() || this.#fanout.busy) await pause();
    if (this.#terminal !== undefined && !this.#terminal.stream.destroyed)
      await this.#drainTerminal(this.#terminal);
  }

  /**
   * What a terminal has been given may still be on its way, where FIONREAD does not count it. When its last user has gone
   * read(2) waits for that, and hands it all out before it fails with EIO (drivers/tty/n_tty.c).
   */
  async #drainTerminal({ stream, fd }: { readonly stream: ReadStream; readonly fd: number }): Promise<void> {
    this.#fanout.release(stream);
    this.#closeInner();
    const buffer = Buffer.alloc(65_536);
    for (let idle = 0; idle < idleLooks; ) {
      let length: number;
      try {
        length = readSync(fd, buffer);
      } catch (error) {
        if (!hasErrno(error, "EAGAIN")) return;
        idle += 1;
        await pause();
        continue;
      }
      if (length === 0) return;
      idle = 0;
      this.#fanout.pass("stdout", Buffer.from(buffer.subarray(0, length)));
      while (this.#fanout.busy) await pause();
    }
  }

  #closeInner(): void {
    if (this.#inner === undefined) return;
    closeSync(this.#inner);
    this.#inner = undefined;
  }

  #unread(): boolean {
    if (this.#terminal === undefined)
      return this.#pipes.some(({ destroyed, fd }) => !destroyed && readableBytes(fd) > 0);
    const { stream, fd } = this.#terminal;
    return !stream.destroyed && readableBytes(fd) > 0;
  }

  /** Leaves the container to the next supervisor: it goes on, and what it writes waits in its FIFOs. */
  leave(): void {
    this.#left = true;
    // What has left the terminal is in our hands only.
    const stream = this.#terminal?.stream;
    while (stream !== undefined && !stream.destroyed && stream.read() !== null);
    this.#news.destroy();
    this.close();
  }

  /** Closes everything, once. */
  close(): void {
    this.#stdin.disconnect();
    for (const pipe of this.#pipes) pipe.close();
    if (this.#terminal === undefined) return;
    this.#closeInner();
    this.#terminal.stream.destroy();
  }
}

import { closeSync } from "node:fs";
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
import { TerminalFeed } from "./terminal-feed.ts";

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
      // Written to only.
      const stream = new ReadStream(terminal);
      clientStdin.connect(stream);
      this.#terminal = { stream, fd: terminal };
      const fifo = openFifo(fifoPath(run, "stdout"), "read");
      const feed = new TerminalFeed(terminal, openFifo(fifoPath(run, "stdout"), "write"));
      this.#pipes.push(new PipeReader(fifo, "stdout", fanout, fill, feed));
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
    if (this.#terminal !== undefined) for (const pipe of this.#pipes) await this.#drainTerminal(pipe);
  }

  /**
   * What a terminal has been given may still be on its way, where FIONREAD does not count it. When its last user has gone
   * read(2) waits for that, and hands it all out before it fails with EIO (drivers/tty/n_tty.c).
   */
  async #drainTerminal(pipe: PipeReader): Promise<void> {
    this.#fanout.removeSource(pipe);
    pipe.pause();
    this.#closeInner();
    for (let idle = 0; idle < idleLooks; ) {
      const taken = pipe.take();
      if (taken === false) return;
      if (taken === true) {
        idle = 0;
        while (this.#fanout.busy) await pause();
      } else {
        idle += 1;
        await pause();
      }
    }
  }

  #closeInner(): void {
    if (this.#inner === undefined) return;
    closeSync(this.#inner);
    this.#inner = undefined;
  }

  #unread(): boolean {
    if (this.#pipes.some(({ destroyed, fd }) => !destroyed && readableBytes(fd) > 0)) return true;
    const terminal = this.#terminal;
    return terminal !== undefined && !terminal.stream.destroyed && readableBytes(terminal.fd) > 0;
  }

  /** Leaves the container to the next supervisor: it goes on, and what it writes waits in its FIFOs. */
  leave(): void {
    this.#left = true;
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

import { constants } from "node:os";
import type { Writable } from "node:stream";
import { findContainer } from "../container/refresh.ts";
import { hasErrno, MdockerError } from "../core/errors.ts";
import type { Instance } from "../core/paths.ts";
import { noteStdioFlags } from "../sys/stdio.ts";
import { type TerminalSettings, terminalSettings, windowSize } from "../sys/tty.ts";
import type { SupervisorClient, Upgraded } from "./client.ts";
import { Demultiplexer } from "./demultiplex.ts";
import { say } from "./output.ts";
import { isTerminal } from "./terminal.ts";

/** How a user is connected to the streams of a container. */
export interface AttachOptions {
  /** The container has a terminal. */
  readonly terminal: boolean;
  /** What is typed reaches the container. */
  readonly stdin: boolean;
  /** What it writes is shown; both unless said otherwise. */
  readonly stdout?: boolean | undefined;
  readonly stderr?: boolean | undefined;
  /** Signals that we get reach the container. */
  readonly signals: boolean;
  readonly detachKeys: string | undefined;
}

const proxied = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGALRM"] as const;

/** Writes no faster than it is taken. */
async function write(stream: Writable, bytes: Buffer): Promise<void> {
  if (stream.write(bytes)) return;
  await new Promise((resolve) => {
    stream.once("drain", resolve);
    stream.once("error", resolve);
    stream.once("close", resolve);
  });
}

async function showOutput({ connection, framed }: Upgraded): Promise<void> {
  const demultiplexer = framed ? new Demultiplexer() : undefined;
  for (const stream of [process.stdout, process.stderr]) {
    // Nobody reads it any more: we have nothing left to do here, and the container goes on.
    stream.on("error", () => connection.destroy());
  }
  try {
    for await (const part of connection) {
      const bytes = part as Buffer;
      if (demultiplexer === undefined) await write(process.stdout, bytes);
      else for (const piece of demultiplexer.take(bytes)) await write(process[piece.stream], piece.bytes);
    }
  } catch (error) {
    if (!hasErrno(error, "ERR_STREAM_PREMATURE_CLOSE", "ECONNRESET", "EPIPE")) throw error;
  }
}

/** A connection to a container's streams, from before it is started to its end. */
export class AttachSession {
  readonly #client: SupervisorClient;
  /** Of what it is connected to: `/containers/ID`, `/exec/ID`. */
  readonly #path: string;
  readonly #options: AttachOptions;
  readonly #upgraded: Upgraded;
  readonly #undo: (() => void)[] = [];

  private constructor(client: SupervisorClient, path: string, options: AttachOptions, upgraded: Upgraded) {
    this.#client = client;
    this.#path = path;
    this.#options = options;
    this.#upgraded = upgraded;
  }

  /** Connects; nothing of what the container writes from now on is missed. @throws MdockerError */
  static async open(client: SupervisorClient, id: string, options: AttachOptions): Promise<AttachSession> {
    const upgraded = await client.upgrade(`/containers/${id}/attach`, {
      query: {
        stream: true,
        stdout: options.stdout ?? true,
        stderr: options.stderr ?? true,
        stdin: options.stdin,
        detachKeys: options.detachKeys,
      },
    });
    return new AttachSession(client, `/containers/${id}`, options, upgraded);
  }

  /** Starts an exec that was made by the API, and connects to it. @throws MdockerError */
  static async startExec(
    client: SupervisorClient,
    id: string,
    options: Omit<AttachOptions, "signals">,
  ): Promise<AttachSession> {
    const { rows, columns } = windowSize(0);
    const ConsoleSize = options.terminal && rows > 0 ? [rows, columns] : null;
    const upgraded = await client.upgrade(`/exec/${id}/start`, {
      body: { Detach: false, Tty: options.terminal, ConsoleSize },
    });
    return new AttachSession(client, `/exec/${id}`, { ...options, signals: false }, upgraded);
  }

  /** Gives up before anything was relayed. */
  close(): void {
    this.#upgraded.connection.destroy();
  }

  /**
   * Passes everything on until the connection ends: the container has ended, or the user has left it. `redraw`: what runs
   * in it is made to draw its screen again.
   */
  async relay({ redraw }: { readonly redraw: boolean }): Promise<void> {
    const { connection } = this.#upgraded;
    const { terminal, stdin, signals } = this.#options;
    this.#undo.push(noteStdioFlags());
    try {
      const isInput = await isTerminal(0);
      if (terminal && stdin && isInput) this.#takeTerminal(terminalSettings(0));
      if (terminal && (isInput || (await isTerminal(1)))) await this.#followSize(isInput ? 0 : 1, redraw);
      if (signals) this.#passSignals();
      if (stdin) {
        process.stdin.on("error", () => connection.end());
        process.stdin.pipe(connection);
      }
      await showOutput(this.#upgraded);
    } finally {
      process.stdin.unpipe(connection);
      process.stdin.pause();
      connection.destroy();
      for (const undo of this.#undo.reverse()) undo();
    }
  }

  #takeTerminal(settings: TerminalSettings): void {
    const onContinue = (): void => settings.makeRaw();
    settings.makeRaw();
    process.once("exit", settings.restore);
    process.on("SIGCONT", onContinue);
    this.#undo.push(() => {
      process.off("exit", settings.restore);
      process.off("SIGCONT", onContinue);
      settings.restore();
    });
  }

  async #followSize(fd: number, redraw: boolean): Promise<void> {
    const resize = async (more: number): Promise<void> => {
      const { rows, columns } = windowSize(fd);
      await this.#ask("resize", { h: rows + more, w: columns });
    };
    // A size that changes is told by SIGWINCH, one that stays is not.
    if (redraw) await resize(1);
    await resize(0);
    const follow = (): void => {
      void resize(0);
    };
    process.on("SIGWINCH", follow);
    this.#undo.push(() => process.off("SIGWINCH", follow));
  }

  #passSignals(): void {
    for (const name of proxied) {
      const pass = (): void => {
        void this.#ask("kill", { signal: constants.signals[name] });
      };
      process.on(name, pass);
      this.#undo.push(() => process.off(name, pass));
    }
  }

  /** Asks for something that a container which is just ending cannot do any more. */
  async #ask(what: string, query: Readonly<Record<string, number>>): Promise<void> {
    try {
      await this.#client.request("POST", `${this.#path}/${what}`, { query });
    } catch (error) {
      if (!(error instanceof MdockerError)) say(String(error));
    }
  }
}

/** True when a user has left a container that runs on: the very run, by its pid 1, that was attached to. */
export function runsOn(instance: Instance, id: string, pid1: number | undefined): boolean {
  try {
    const { state, init } = findContainer(instance, id);
    return (state === "running" || state === "paused") && init?.pid === pid1;
  } catch (error) {
    // Removed as soon as it had ended.
    if (error instanceof MdockerError) return false;
    throw error;
  }
}

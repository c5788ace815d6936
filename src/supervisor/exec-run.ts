import { closeSync, openSync } from "node:fs";
import { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import { ReadStream } from "node:tty";
import { type StartedExec, startExec } from "../container/exec.ts";
import { awaitExec } from "../container/exec-await.ts";
import { removeExec } from "../container/exec-records.ts";
import type { ExecRequest } from "../container/exec-request.ts";
import type { ContainerRecord } from "../container/record.ts";
import type { Instance } from "../core/paths.ts";
import { makePipe } from "../sys/pipe.ts";
import { holdTerminal, readableBytes, resizeTerminal } from "../sys/pty.ts";
import { setNonBlocking } from "../sys/stdio.ts";

/** How often it is looked whether all has been taken of what an exec that has ended had written. */
const drainMs = 2;

/** Our end of what an exec writes. */
interface Source {
  readonly stream: Socket | ReadStream;
  readonly fd: number;
}

function readEnd(fd: number): Source {
  setNonBlocking(fd);
  const stream = new Socket({ fd, readable: true, writable: false });
  stream.on("error", () => stream.destroy());
  return { stream, fd };
}

/** One exec that runs, with its streams in our hands. */
export class ExecRun {
  readonly terminal: boolean;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly stdin: Writable | undefined;
  readonly pid: number;
  /** The exit code; everything it wrote has been passed on then. */
  readonly exit: Promise<number>;
  readonly #sources: readonly Source[];
  readonly #inner: number | undefined;

  constructor(
    instance: Instance,
    started: StartedExec,
    sources: readonly Source[],
    stdin: Writable | undefined,
  ) {
    const [first, second = first] = sources;
    if (first === undefined || second === undefined) throw new Error("an exec without output");
    this.terminal = started.terminal !== undefined;
    this.stdout = first.stream;
    this.stderr = second.stream;
    this.stdin = stdin;
    this.pid = started.record.process.pid;
    this.#sources = sources;
    this.#inner = started.terminal === undefined ? undefined : holdTerminal(started.terminal);
    this.exit = this.#attend(instance, started);
  }

  resize(rows: number, columns: number): void {
    const [source] = this.#sources;
    if (this.terminal && source !== undefined && !source.stream.destroyed)
      resizeTerminal(source.fd, rows, columns);
  }

  async #attend(instance: Instance, started: StartedExec): Promise<number> {
    const code = await awaitExec(instance, started);
    removeExec(instance, started.record.container, started.record.id);
    // Another process may hold the streams open: what had been written by now is all that is waited for.
    while (
      this.#sources.some(
        ({ stream, fd }) => !stream.destroyed && (readableBytes(fd) > 0 || stream.readableLength > 0),
      )
    )
      await new Promise((resolve) => setTimeout(resolve, drainMs));
    for (const { stream } of this.#sources) stream.destroy();
    this.stdin?.destroy();
    if (this.#inner !== undefined) closeSync(this.#inner);
    return code;
  }
}

async function runOnTerminal(
  instance: Instance,
  container: ContainerRecord,
  request: ExecRequest,
  id: string,
): Promise<ExecRun> {
  const nothing = openSync("/dev/null", "r+");
  try {
    const stdio = [nothing, nothing, nothing] as const;
    const started = await startExec(instance, container, request, { lifetime: "kept", stdio, id });
    const fd = started.terminal ?? -1;
    const stream = new ReadStream(fd);
    stream.on("error", () => stream.destroy());
    return new ExecRun(instance, started, [{ stream, fd }], stream);
  } finally {
    closeSync(nothing);
  }
}

/**
 * Runs `request` in a container, with pipes or a terminal whose other ends are ours. `interactive`: with a stdin.
 * @throws as startExec does
 */
export async function runExec(
  instance: Instance,
  container: ContainerRecord,
  request: ExecRequest,
  { id, interactive }: { readonly id: string; readonly interactive: boolean },
): Promise<ExecRun> {
  if (request.terminal) return runOnTerminal(instance, container, request, id);
  const [outReader, outWriter] = makePipe();
  const [errReader, errWriter] = makePipe();
  const [inReader, inWriter] = interactive ? makePipe() : [openSync("/dev/null", "r"), undefined];
  const ours = [outReader, errReader, ...(inWriter === undefined ? [] : [inWriter])];
  try {
    const stdio = [inReader, outWriter, errWriter] as const;
    const started = await startExec(instance, container, request, { lifetime: "kept", stdio, id });
    let stdin: Socket | undefined;
    if (inWriter !== undefined) {
      setNonBlocking(inWriter);
      stdin = new Socket({ fd: inWriter, readable: false, writable: true });
      stdin.on("error", () => stdin?.destroy());
    }
    return new ExecRun(instance, started, [readEnd(outReader), readEnd(errReader)], stdin);
  } catch (error) {
    for (const fd of ours) closeSync(fd);
    throw error;
  } finally {
    for (const fd of [inReader, outWriter, errWriter]) closeSync(fd);
  }
}

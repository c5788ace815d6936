import { closeSync, openSync } from "node:fs";
import { Socket } from "node:net";
import { startExec } from "../container/exec.ts";
import { awaitExec } from "../container/exec-await.ts";
import { removeExec } from "../container/exec-records.ts";
import { findContainer } from "../container/refresh.ts";
import type { Instance } from "../core/paths.ts";
import { signalProcess } from "../sys/pidfd.ts";
import { makePipe } from "../sys/pipe.ts";
import { readableBytes } from "../sys/pty.ts";
import { setNonBlocking } from "../sys/stdio.ts";
import type { ProbeResult } from "./health.ts";

const SIGKILL = 9;
/** More than is kept of it. */
const mostOutput = 8192;
/** How often it is looked whether all has been read of what a probe that has ended had written. */
const drainMs = 2;

/** `["CMD", ...]` is a command, `["CMD-SHELL", LINE]` a line for the container's shell. */
function probeCommand([kind, ...rest]: readonly string[]): readonly string[] {
  return kind === "CMD-SHELL" ? ["/bin/sh", "-c", ...rest] : rest;
}

/** Keeps the beginning of what comes, and drops the rest, so that nobody has to wait with writing. */
class Beginning {
  readonly #socket: Socket;
  readonly #fd: number;
  readonly #parts: Buffer[] = [];
  #length = 0;

  /** `fd` is closed with it. */
  constructor(fd: number) {
    this.#fd = fd;
    setNonBlocking(fd);
    this.#socket = new Socket({ fd, readable: true, writable: false });
    this.#socket.on("error", () => undefined);
    this.#socket.on("data", (part: Buffer) => {
      if (this.#length < mostOutput) this.#parts.push(part);
      this.#length += part.length;
    });
  }

  /** What was written up to now: others may hold the pipe open for as long as they like. */
  async take(): Promise<Buffer> {
    while (!this.#socket.destroyed && readableBytes(this.#fd) > 0)
      await new Promise((resolve) => setTimeout(resolve, drainMs));
    this.#socket.destroy();
    return Buffer.concat(this.#parts).subarray(0, mostOutput);
  }
}

/**
 * Runs one health check in a container; `abort` kills it. Undefined when the container is paused, by whomever: it cannot be
 * asked.
 * @throws MdockerError when it cannot be run
 */
export async function runProbe(
  instance: Instance,
  id: string,
  test: readonly string[],
  abort: AbortSignal,
): Promise<ProbeResult | undefined> {
  const container = findContainer(instance, id);
  if (container.state === "paused") return undefined;
  const [reader, writer] = makePipe();
  const nothing = openSync("/dev/null", "r");
  const output = new Beginning(reader);
  try {
    const request = { args: probeCommand(test), env: [], terminal: false, privileged: false };
    const started = await startExec(instance, container, request, {
      lifetime: "foreground",
      stdio: [nothing, writer, writer],
    });
    const kill = (): void => {
      signalProcess(started.record.process, SIGKILL);
    };
    if (abort.aborted) kill();
    else abort.addEventListener("abort", kill, { once: true });
    try {
      return { exitCode: await awaitExec(instance, started), output: await output.take() };
    } finally {
      abort.removeEventListener("abort", kill);
      removeExec(instance, id, started.record.id);
    }
  } finally {
    closeSync(nothing);
    closeSync(writer);
    await output.take();
  }
}

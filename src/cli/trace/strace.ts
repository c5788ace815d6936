import { closeSync } from "node:fs";
import { Socket } from "node:net";
import { createInterface } from "node:readline";
import { SetupError, UsageError } from "../../core/errors.ts";
import { makePipe } from "../../sys/pipe.ts";
import { parseLine, type TracedCall } from "./line.ts";

export interface StraceRequest {
  readonly pids: readonly number[];
  /** For strace's -e trace=. */
  readonly set?: string | undefined;
  readonly onCall: (call: TracedCall) => void;
  /** Lets go of the processes. */
  readonly abort: AbortSignal;
}

async function answers(program: string): Promise<boolean> {
  const { execa } = await import("execa");
  const { failed } = await execa(program, ["-V"], { reject: false, stdio: "ignore" });
  return !failed;
}

/** True when this host has strace(1). */
export function hasStrace(): Promise<boolean> {
  return answers("strace");
}

/**
 * Traces processes and what they start, until they have ended or `abort`. strace lets go of them when it gets SIGINT,
 * and the kernel does when strace is killed: they go on as if nothing had been.
 * @throws UsageError for a set that strace does not know, SetupError when it cannot trace.
 */
export async function runStrace({ pids, set, onCall, abort }: StraceRequest): Promise<void> {
  const { spawn } = await import("node:child_process");
  // A real pipe: what Node makes for a child are sockets, which cannot be opened by name.
  const [reading, writing] = makePipe();
  const args = ["-f", "-qq", "-T", "-s", "0", "-e", "signal=none", "-o", "/proc/self/fd/1"];
  if (set !== undefined) args.push("-e", `trace=${set}`);
  for (const pid of pids) args.push("-p", String(pid));
  // If we are killed it must not stay: util-linux sees to that.
  const [program, words] = (await answers("setpriv"))
    ? ["setpriv", ["--pdeathsig", "INT", "--", "strace", ...args]]
    : ["strace", args];
  const child = spawn(program, words, { stdio: ["ignore", writing, "pipe"] });
  closeSync(writing);
  let stderr = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    if (stderr.length < 65_536) stderr += chunk.toString();
  });
  const letGo = (): void => {
    child.kill("SIGINT");
  };
  abort.addEventListener("abort", letGo);
  const output = new Socket({ fd: reading, readable: true, writable: false });
  const lines = createInterface({ input: output, crlfDelay: Number.POSITIVE_INFINITY });
  lines.on("line", (line) => {
    const call = parseLine(line);
    if (call !== undefined) onCall(call);
  });
  const read = new Promise<void>((resolve) => lines.once("close", resolve));
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("close", resolve);
    child.once("error", reject);
  });
  try {
    if (abort.aborted) letGo();
    const code = await ended;
    await read;
    if (!abort.aborted && code !== 0) refuse(stderr);
  } finally {
    abort.removeEventListener("abort", letGo);
    output.destroy();
  }
}

/** What strace said, as our error. That a process has gone before it was traced is none. */
function refuse(stderr: string): void {
  const [said] = stderr
    .split("\n")
    .filter((line) => line !== "" && !/No such process|attached|detached/.test(line));
  if (said === undefined) return;
  const message = said.replace(/^(\S*\/)?strace: /, "");
  throw /invalid system call/.test(message)
    ? new UsageError(`-e: ${message}`)
    : new SetupError(`strace: ${message}`);
}

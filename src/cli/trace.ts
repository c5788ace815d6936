import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { detectCgroups } from "../../cgroup/host.ts";
import { listProcesses } from "../../cgroup/processes.ts";
import type { ContainerRecord } from "../container/record.ts";
import { findContainer, isLive } from "../container/refresh.ts";
import { ConflictError, hasErrno, UsageError } from "../core/errors.ts";
import { showsBlocks } from "./bar.ts";
import { palette } from "./colour.ts";
import { catchInterruption, type Interruption } from "./interruption.ts";
import { LiveScreen } from "./live-screen.ts";
import { print, say } from "./output.ts";
import { requireRoot } from "./privilege.ts";
import { instanceOf } from "./program.ts";
import { isTerminal } from "./terminal.ts";
import type { TracedCall } from "./trace/line.ts";
import { LoggedCalls } from "./trace/logged.ts";
import { requireSampling, sampleThreads } from "./trace/sampler.ts";
import { hasStrace, runStrace } from "./trace/strace.ts";
import { renderTally, type TraceStyle } from "./trace/table.ts";
import { Tally } from "./trace/tally.ts";

interface TraceOptions {
  readonly summary?: boolean;
  readonly sample?: boolean;
  readonly e?: string;
  readonly denied?: boolean;
  readonly duration?: string;
}

const refreshMs = 500;
const sampleMs = 5;
/** Processes that were started meanwhile are looked for so often. */
const listMs = 100;

/** Names of processes, remembered: when their last call is told they may have gone. */
class Names {
  readonly #names = new Map<number, string>();
  of(pid: number): string {
    const known = this.#names.get(pid);
    if (known !== undefined) return known;
    let name = "?";
    try {
      name = readFileSync(`/proc/${pid}/comm`, "utf8").trim().replaceAll(/\p{C}/gu, "?");
    } catch (error) {
      if (!hasErrno(error, "ENOENT", "ESRCH")) throw error;
    }
    // A container may start processes without end.
    if (this.#names.size > 10_000) this.#names.clear();
    this.#names.set(pid, name);
    return name;
  }
  /** execve gives a process another name. */
  forget(pid: number): void {
    this.#names.delete(pid);
  }
}

/** Looks at what the threads are doing, again and again, until the container has ended or we are asked to stop. */
async function sample(record: ContainerRecord, tally: Tally, interruption: Interruption): Promise<void> {
  const cgroups = detectCgroups();
  const names = new Names();
  let pids: number[] = [];
  for (let round = 0; ; round += 1) {
    if (round % Math.round(listMs / sampleMs) === 0) {
      if (!isLive(record)) return;
      pids = listProcesses(cgroups, record.cgroup ?? "");
    }
    for (const { pid, doing } of sampleThreads(pids)) tally.add(names.of(pid), pid, doing);
    if (!(await interruption.pause(sampleMs))) return;
  }
}

/** What a seccomp filter, a missing capability or a device rule answers; ENOSYS is how a profile hides newer calls. */
function isDenial(errno: string | undefined): boolean {
  return errno === "EPERM" || errno === "EACCES" || errno === "ENOSYS";
}

async function strace(
  record: ContainerRecord,
  tally: Tally,
  { e: set, denied }: TraceOptions,
  abort: AbortSignal,
): Promise<void> {
  const names = new Names();
  const pids = listProcesses(detectCgroups(), record.cgroup ?? "");
  for (const pid of pids) names.of(pid);
  // Of those that are refused the others are strace's to tell.
  using logged =
    denied === true
      ? new LoggedCalls(record.cgroup ?? "", (pid, call) => tally.add(names.of(pid), pid, call), say)
      : undefined;
  const onCall = ({ pid, name, failed, errno, seconds }: TracedCall) => {
    logged?.isOurs(pid);
    if (name === "execve") names.forget(pid);
    if (denied === true && !isDenial(errno)) return;
    tally.add(names.of(pid), pid, name, { errors: failed ? 1 : 0, seconds });
  };
  await runStrace({ pids, set, onCall, abort });
}

function parseDuration(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : 0;
  if (seconds <= 0 || seconds > 86_400 * 7) {
    throw new UsageError(`--duration: ${text}: expected seconds such as 5 or 0.5`);
  }
  return seconds * 1000;
}

function checkSet(set: string | undefined): void {
  if (set !== undefined && !/^!?[%\w?]+(,[%\w?]+)*$/.test(set)) {
    throw new UsageError(
      `-e: ${set}: expected names or classes of system calls such as openat,%network or !read`,
    );
  }
}

async function trace(record: ContainerRecord, options: TraceOptions): Promise<void> {
  if (record.state !== "running" || record.cgroup === undefined) {
    throw new ConflictError(
      `container ${record.name} is ${record.state === "paused" ? "paused" : "not running"}`,
    );
  }
  const duration = parseDuration(options.duration);
  checkSet(options.e);
  const sampled = options.sample === true || !(await hasStrace());
  if (sampled && (options.e !== undefined || options.denied === true)) {
    throw new UsageError(
      `${options.denied === true ? "--denied" : "-e"} needs strace (Debian: apt-get install strace), and no --sample`,
    );
  }
  if (sampled) requireSampling();
  if (sampled && options.sample !== true) say("strace is not installed: looking at /proc every 5 ms instead");
  using interruption = catchInterruption();
  const timer = duration === undefined ? undefined : setTimeout(interruption.interrupt, duration);
  const terminal = await isTerminal(1);
  const style: TraceStyle = {
    sampled,
    blocks: terminal && showsBlocks(process.env),
    colours: palette(terminal, process.env),
  };
  const tally = new Tally();
  const screen = terminal && options.summary !== true ? new LiveScreen() : undefined;
  const redraw = setInterval(() => screen?.draw(renderTally(tally.rows(), style)), refreshMs);
  try {
    if (sampled) await sample(record, tally, interruption);
    else await strace(record, tally, options, interruption.signal);
  } finally {
    clearTimeout(timer);
    clearInterval(redraw);
    screen?.close();
  }
  if (screen === undefined) print(renderTally(tally.rows(), style));
  print(`\n${renderTally(tally.summary(), style)}`);
}

/** Adds `trace`. */
export function registerTrace(program: Command): void {
  const command = program
    .command("trace")
    .summary("show which system calls a container makes")
    .description(
      "Counts the system calls of a container's processes, with their errors and the time they take, by strace(1): live on " +
        "a terminal, and as a summary in the end. Ctrl-C ends it and leaves the container as it was. Without strace, or " +
        "with --sample, it looks every 5 ms at what each thread is doing, which slows nothing down.",
    )
    .helpOption("--help", "show help")
    .argument("<container>", "name, id or beginning of an id")
    .option("--summary", "no live table, only the result")
    .option("--sample", "look now and then, without strace")
    .option("-e <set>", "only these system calls: openat,read or %network, as strace has them")
    .option(
      "--denied",
      "only calls that were refused (EPERM, EACCES or ENOSYS), or that its profile logs or kills for",
    )
    .option("--duration <seconds>", "end by itself after so long")
    .action(async (reference: string, options: TraceOptions) => {
      requireRoot("trace ...");
      await trace(findContainer(instanceOf(command), reference), options);
    });
}

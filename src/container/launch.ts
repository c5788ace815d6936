import { closeSync, openSync, readFileSync } from "node:fs";
import { SetupError } from "../core/errors.ts";
import { builtFile } from "../core/home.ts";
import { encodeProgram } from "../program/encode.ts";
import { layout } from "../program/layout.ts";
import { failedStep, type Message } from "../program/message.ts";
import type { Program, Step } from "../program/step.ts";
import { sealedMemfd } from "../sys/memfd.ts";
import { signalProcess } from "../sys/pidfd.ts";
import { makePipe } from "../sys/pipe.ts";
import { identify, type ProcessIdentity } from "../sys/process.ts";
import { receiveWithFd, socketPair } from "../sys/socket.ts";
import { reap, spawnProcess } from "../sys/spawn.ts";
import { inherited } from "./inherited.ts";
import { Stream } from "./streams.ts";

/** A container on its way: its launcher, later its monitor, runs. */
export interface Launched {
  readonly monitor: ProcessIdentity;
  /** Its first process, once {@link awaitChild} has heard of it. */
  child: ProcessIdentity | undefined;
  readonly control: Stream;
  readonly sync: Stream;
  /** Durations of the steps, of a traced program. */
  readonly trace: Stream | undefined;
}

/** Descriptors to hand to the launcher besides the streams. */
export interface LaunchFiles {
  /** Directory for the exit record. */
  readonly runDirectory: string;
  /** Directory of the cgroup the child is born in (v2). */
  readonly cgroupDirectory?: string | undefined;
  readonly stdio: readonly [number, number, number];
  /** Our end of a stream that a traced program writes its durations to. */
  readonly traced: boolean;
  /** What the monitor keeps open: the FIFOs of a detached container. */
  readonly held?: readonly number[] | undefined;
  /** A user namespace that mounts are mapped by. */
  readonly mapping?: number | undefined;
}

/** A step failed before the command ran: names the step, the errno and, for the curious, the call. */
export class LaunchError extends SetupError {
  readonly failure: Extract<Message, { kind: "failed" }>;
  readonly step: Step | undefined;
  /** It was execve that failed: all else had worked. */
  readonly isExec: boolean;
  constructor(program: Program, failure: Extract<Message, { kind: "failed" }>) {
    const step = failedStep(program, failure);
    const label = step?.label ?? `step ${failure.step} of ${failure.part}`;
    super(`${label}: ${failure.errno}${step === undefined ? "" : ` from ${step.text()}`}`);
    this.failure = failure;
    this.step = step;
    this.isExec = step?.call === "execve";
  }
}

const SIGKILL = 9;

let initBytes: Buffer | undefined;

/** A sealed memfd with the init binary: the container can neither see a path of it nor change a byte (CVE-2019-5736). */
function openInit(): number {
  try {
    initBytes ??= readFileSync(builtFile(`init-${process.arch}`));
  } catch (cause) {
    throw new SetupError(`${builtFile(`init-${process.arch}`)} is missing: run make build`, { cause });
  }
  return sealedMemfd("mdocker-init", initBytes, true);
}

/** Starts the launcher with `program`. It clones the container's first process: {@link awaitChild} tells which. */
export function launch(program: Program, files: LaunchFiles): Launched {
  const opened: number[] = [];
  const streams: Stream[] = [];
  const keep = (fd: number): number => {
    opened.push(fd);
    return fd;
  };
  try {
    const init = keep(openInit());
    const code = keep(sealedMemfd("mdocker-program", encodeProgram(program), false));
    const [controlOurs, controlTheirs] = socketPair();
    keep(controlTheirs);
    const control = new Stream(controlOurs);
    streams.push(control);
    const [syncOurs, syncTheirs] = socketPair();
    keep(syncTheirs);
    const sync = new Stream(syncOurs);
    streams.push(sync);
    const fds = new Map<number, number>([
      [0, files.stdio[0]],
      [1, files.stdio[1]],
      [2, files.stdio[2]],
      [layout.programFd, code],
      [inherited.control, controlTheirs],
      [inherited.sync, syncTheirs],
      [inherited.record, keep(openSync(files.runDirectory, "r"))],
    ]);
    if (files.cgroupDirectory !== undefined)
      fds.set(inherited.cgroup, keep(openSync(files.cgroupDirectory, "r")));
    if (files.mapping !== undefined) fds.set(inherited.users, files.mapping);
    files.held?.forEach((fd, i) => {
      fds.set(inherited.hold + i, fd);
    });
    let trace: Stream | undefined;
    if (files.traced) {
      // A pipe holds two thousand messages; a socket, that counts its bookkeeping, two hundred.
      const [ours, theirs] = makePipe();
      fds.set(inherited.trace, keep(theirs));
      trace = new Stream(ours);
      streams.push(trace);
    }
    const pid = spawnProcess({ path: `/proc/self/fd/${init}`, argv: ["mdocker-init"], fds });
    const monitor = identify(pid) ?? { pid, startTime: "0" };
    for (const fd of opened.splice(0)) closeSync(fd);
    return { monitor, child: undefined, control, sync, trace };
  } catch (error) {
    for (const stream of streams) stream.close();
    throw error;
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}

/**
 * Waits until the launcher has cloned the container's first process, and returns it.
 * @throws LaunchError when one of the launcher's own steps failed.
 */
export function awaitChild(launched: Launched, program: Program): ProcessIdentity {
  if (launched.child !== undefined) return launched.child;
  const message = launched.control.receive();
  if (message?.kind === "failed") throw new LaunchError(program, message);
  if (message?.kind !== "cloned") {
    throw new SetupError("the launcher ended before it had cloned the container");
  }
  launched.child = identify(message.pid) ?? { pid: message.pid, startTime: "0" };
  return launched.child;
}

/** Kills the container unless it has ended; its monitor ends after it. */
export function kill(launched: Launched, program: Program): void {
  let child: ProcessIdentity;
  try {
    child = awaitChild(launched, program);
  } catch {
    // There is none, and the launcher has ended with that.
    return;
  }
  if (!launched.control.exited) signalProcess(child, SIGKILL);
}

/** The failure that the child has reported, if any; `terminal` when its terminal may have come before. */
function lastWord(sync: Stream, terminal: boolean): Message | undefined {
  let begun: Uint8Array | undefined;
  if (terminal) {
    const { bytes, fd } = receiveWithFd(sync.fd, 1);
    if (fd === undefined) begun = bytes;
    else closeSync(fd);
  }
  return sync.receive(begun);
}

/**
 * Ends a launched container whose set-up failed on our side, and returns what failed on its own side, if that came
 * first: our failure is then only its echo.
 */
export function failureOf(launched: Launched, program: Program, terminal: boolean): LaunchError | undefined {
  const { sync } = launched;
  if (sync.closed) return undefined;
  kill(launched, program);
  try {
    const message = lastWord(sync, terminal);
    return message?.kind === "failed" ? new LaunchError(program, message) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Gives up a launched container: it ends, should it not have ended, and its monitor after it. Waits for both. The
 * control stream stays open meanwhile: a monitor that loses it takes itself for the only one left.
 */
export function abandon(launched: Launched, program: Program): void {
  launched.sync.close();
  kill(launched, program);
  reap(launched.monitor.pid, false);
  launched.control.close();
  launched.trace?.close();
}

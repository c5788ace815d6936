import { closeSync, openSync, readFileSync } from "node:fs";
import { SetupError } from "../core/errors.ts";
import { builtFile } from "../core/home.ts";
import { encodeProgram } from "../program/encode.ts";
import { layout } from "../program/layout.ts";
import { failedStep, type Message } from "../program/message.ts";
import type { Program } from "../program/step.ts";
import { sealedMemfd } from "../sys/memfd.ts";
import { identify, isAlive, type ProcessIdentity } from "../sys/process.ts";
import { receiveWithFd, socketPair } from "../sys/socket.ts";
import { reap, spawnProcess } from "../sys/spawn.ts";
import { inherited } from "./program.ts";
import { sendSignal } from "./signals.ts";
import { Stream } from "./streams.ts";

/** A container whose first process exists and waits for our word. */
export interface Launched {
  readonly monitor: ProcessIdentity;
  readonly child: ProcessIdentity;
  readonly control: Stream;
  readonly sync: Stream;
}

/** Descriptors to hand to the launcher besides the streams. */
export interface LaunchFiles {
  /** Directory for the exit record. */
  readonly runDirectory: string;
  /** Directory of the cgroup the child is born in (v2). */
  readonly cgroupDirectory?: string | undefined;
  readonly stdio: readonly [number, number, number];
}

/** A step failed before the command ran: names the step, the errno and, for the curious, the call. */
export class LaunchError extends SetupError {
  readonly failure: Extract<Message, { kind: "failed" }>;
  /** It was execve that failed: all else had worked. */
  readonly isExec: boolean;
  constructor(program: Program, failure: Extract<Message, { kind: "failed" }>) {
    const step = failedStep(program, failure);
    const label = step?.label ?? `step ${failure.step} of ${failure.part}`;
    super(`${label}: ${failure.errno}${step === undefined ? "" : ` from ${step.text()}`}`);
    this.failure = failure;
    this.isExec = step?.call === "execve";
  }
}

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

/**
 * Starts the launcher with `program` and waits until it has cloned the container's first process.
 * @throws LaunchError when one of its own steps failed.
 */
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
    const pid = spawnProcess({ path: `/proc/self/fd/${init}`, argv: ["mdocker-init"], fds });
    const monitor = identify(pid) ?? { pid, startTime: "0" };
    for (const fd of opened.splice(0)) closeSync(fd);
    const message = control.receive();
    if (message?.kind !== "cloned") {
      reap(pid, false);
      if (message?.kind === "failed") throw new LaunchError(program, message);
      throw new SetupError("the launcher ended before it had cloned the container");
    }
    const child = identify(message.pid) ?? { pid: message.pid, startTime: "0" };
    return { monitor, child, control, sync };
  } catch (error) {
    for (const stream of streams) stream.close();
    throw error;
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}

/** Kills the container unless it has ended; its monitor ends after it. */
function kill({ child, control }: Launched): void {
  if (!control.exited && isAlive(child)) sendSignal(child.pid, "SIGKILL");
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
  kill(launched);
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
export function abandon(launched: Launched): void {
  launched.sync.close();
  kill(launched);
  reap(launched.monitor.pid, false);
  launched.control.close();
}

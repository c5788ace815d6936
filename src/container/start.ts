import { closeSync, rmSync, writeSync } from "node:fs";
import { ConflictError, NotModifiedError, SetupError } from "../core/errors.ts";
import { makeDirectories } from "../core/make-directories.ts";
import type { Instance } from "../core/paths.ts";
import { UndoStack } from "../core/undo.ts";
import { openFifo } from "../sys/fifo.ts";
import { bootId, identify } from "../sys/process.ts";
import { readRequest } from "./create.ts";
import { explainExecFailure } from "./exec-failure.ts";
import { type FifoName, fifoNames, fifoPath, openHeld } from "./fifos.ts";
import { failureOf, LaunchError } from "./launch.ts";
import { endChild } from "./patience.ts";
import { performStep, type Start } from "./perform.ts";
import { planStart } from "./plan.ts";
import { prepare } from "./prepare.ts";
import type { Prepared } from "./prepared.ts";
import type { ContainerRecord } from "./record.ts";
import { isLive } from "./refresh.ts";
import type { RunRequest } from "./request.ts";
import { containerPaths, removeRunDirectory, writeRecord, writeRunningRecord } from "./store.ts";

/** A detached container that runs. */
export interface StartedContainer {
  readonly record: ContainerRecord;
  /** The outer end of its terminal; the caller closes it. */
  readonly terminal: number | undefined;
  /** What the command reads, of a container made with -i and without a terminal; the caller closes it. */
  readonly stdin: number | undefined;
}

/** The FIFOs that the monitor of a container holds. */
function heldNames(request: RunRequest): readonly FifoName[] {
  // What is written to its terminal is led through the FIFO of its stdout.
  if (request.terminal) return fifoNames.slice(0, 3);
  // A stdin that is to end with its client's must have no other writer.
  return request.interactive && request.stdinOnce !== true ? fifoNames : fifoNames.slice(0, 4);
}

/** What the command has as stdin, stdout and stderr. The caller closes it. */
function openStdio(
  run: string,
  request: RunRequest,
  close: (fd: number) => number,
): [number, number, number] {
  const [input, output] = [close(openFifo("/dev/null", "read")), close(openFifo("/dev/null", "hold"))];
  if (request.terminal) return [input, output, output];
  const stdout = close(openFifo(fifoPath(run, "stdout"), "command-writes"));
  const stderr = close(openFifo(fifoPath(run, "stderr"), "command-writes"));
  if (!request.interactive) return [input, stdout, stderr];
  return [close(openFifo(fifoPath(run, "stdin"), "command-reads")), stdout, stderr];
}

/** Back to what it was before the start; a name for what went wrong stays. */
function recordFailure(instance: Instance, record: ContainerRecord, error: unknown): void {
  removeRunDirectory(instance, record.id);
  const { exitCode = 128, message } = error as { exitCode?: number; message: string };
  const code = exitCode === 126 || exitCode === 127 ? exitCode : 128;
  const exit = { code, at: new Date().toISOString(), oomKilled: false, error: message };
  // Whether it is tried again is not for us to say.
  const state = record.state === "restarting" ? "exited" : record.state;
  writeRecord(instance, { ...record, state, exit });
}

async function firstFailure(start: Start): Promise<LaunchError | undefined> {
  const { launched, prepared, terminal, interruption } = start;
  if (launched === undefined || !(await endChild(launched, prepared.program, interruption))) return undefined;
  const awaited = prepared.spec.process.terminal === true && terminal === undefined;
  return failureOf(launched, prepared.program, awaited);
}

async function explained(error: unknown, prepared: Prepared): Promise<unknown> {
  return error instanceof LaunchError && error.isExec ? explainExecFailure(error, prepared) : error;
}

export interface StartOptions {
  /** Called after each step of the plan but the first: tests make it throw, to see that everything is taken back. */
  readonly afterStep?: ((index: number) => void) | undefined;
}

/**
 * Starts a container that was created, or has ended: it lives on without us. Its output goes into FIFOs of its runtime
 * directory, see fifos.ts; who calls this reads them.
 * @throws NotModifiedError when it runs; ConflictError when it cannot be started; else a MdockerError naming what failed,
 * after everything but the container itself has been taken back.
 */
export async function startContainer(
  instance: Instance,
  record: ContainerRecord,
  { afterStep }: StartOptions = {},
): Promise<StartedContainer> {
  const { id, name } = record;
  if (isLive(record)) throw new NotModifiedError(`container ${name} is running already`);
  const request = readRequest(instance, id);
  if (request === undefined)
    throw new ConflictError(`container ${name} was run in the foreground: it cannot be started again`);
  const prepared = await prepare(instance, request, { id });
  const { run } = containerPaths(instance, id);
  const opened: number[] = [];
  const close = (fd: number): number => {
    opened.push(fd);
    return fd;
  };
  // What an earlier run has left there counts no more.
  rmSync(run, { recursive: true, force: true });
  makeDirectories(run);
  const undo = { failing: new UndoStack(), running: new UndoStack(), kept: new UndoStack() };
  let start: Start | undefined;
  try {
    const held = openHeld(run, heldNames(request)).map(close);
    if (request.stdinOnce === true && !request.terminal) close(...(openHeld(run, ["stdin"]) as [number]));
    const starting: ContainerRecord = {
      ...record,
      state: "starting",
      bootId: bootId(),
      owner: identify(process.pid),
      monitor: undefined,
      init: undefined,
      endpoints: [],
      softLimit: undefined,
      stalls: undefined,
      limitEvents: undefined,
    };
    writeRunningRecord(instance, starting);
    start = {
      prepared,
      ...undo,
      observer: undefined,
      stdio: openStdio(run, request, close),
      held,
      record: starting,
      launched: undefined,
      leases: [],
      networks: [],
      endpoints: [],
      terminal: undefined,
    };
    let index = 0;
    for (const step of planStart(prepared)) {
      if (step.kind === "reserve") continue;
      await performStep(start, step);
      if (step.kind === "launch") releaseMonitorOnFailure(start, held);
      afterStep?.(index++);
    }
    const { launched } = start;
    if (launched === undefined) throw new Error("nothing was launched");
    // The monitor tells of the end through its FIFO.
    launched.control.close();
    const feeds = request.interactive && !request.terminal;
    // Before ours of "both ends" is closed: a command that has no writer would see the end of its stdin.
    const stdin = feeds ? openFifo(fifoPath(run, "stdin"), "write") : undefined;
    return { record: start.record ?? starting, terminal: start.terminal, stdin };
  } catch (error) {
    const first = start === undefined ? undefined : await firstFailure(start);
    if (start?.terminal !== undefined) closeSync(start.terminal);
    const failure = await explained(first ?? error, prepared);
    await undo.failing.unwind();
    await undo.running.unwind();
    recordFailure(instance, record, failure);
    throw failure;
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}

/** A monitor that waits for its terminal, our word, or its output to be collected, would not end with its container. */
function releaseMonitorOnFailure(start: Start, [, collected]: readonly number[]): void {
  start.running.push("monitor", () => {
    if (collected === undefined) throw new SetupError("the monitor holds no FIFO");
    writeSync(collected, "x");
    if (start.terminal === undefined && start.prepared.spec.process.terminal === true)
      start.launched?.control.go();
    start.launched?.control.release();
  });
}

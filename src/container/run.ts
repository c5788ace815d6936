import { closeSync, existsSync } from "node:fs";
import { removeCgroup } from "../../cgroup/remove.ts";
import { monotonicMs } from "../core/clock.ts";
import { ExitCode, hasErrno, MdockerError, messageOf } from "../core/errors.ts";
import type { Observer } from "../core/explain.ts";
import type { Instance } from "../core/paths.ts";
import { UndoStack } from "../core/undo.ts";
import { formatBytes } from "../core/units.ts";
import { exitCodeOf } from "../program/message.ts";
import { answerNames, leaveNames } from "./hold-names.ts";
import { Interruption } from "./interruption.ts";
import { hasLateCgroups } from "./late-cgroups.ts";
import { abandon, failureOf, LaunchError } from "./launch.ts";
import { collectOrphans } from "./orphans.ts";
import type { TellLimitEvent } from "./own-limits.ts";
import { endChild, endMonitor } from "./patience.ts";
import { performStep, type Start } from "./perform.ts";
import { planStart } from "./plan.ts";
import { prepareWithImage } from "./prepare-image.ts";
import type { Prepared } from "./prepared.ts";
import type { ExitRecord } from "./record.ts";
import { readExit } from "./refresh.ts";
import type { RunRequest } from "./request.ts";
import { catchSignals, type Signals } from "./signals.ts";
import type { StartStep } from "./step.ts";
import { containerPaths, readRecord, releaseAnyName, removeRunDirectory, writeRecord } from "./store.ts";

export interface RunOptions {
  readonly observer?: Observer | undefined;
  /** Shows a line to the user, on stderr. */
  readonly say: (line: string) => void;
  /** Tells a supervisor what the limits of the container do. */
  readonly tell?: TellLimitEvent | undefined;
  /** This process has nothing else to do: its event loop may stand still for a few milliseconds. */
  readonly alone?: boolean | undefined;
  /** Called with the container's first process when all is ready, before its command may begin. */
  readonly beforeGo?: ((init: number) => Promise<void>) | undefined;
  /** Called after each step of the plan: tests make it throw, to see that everything is taken back. */
  readonly afterStep?: ((index: number) => void) | undefined;
}

/** A failed execve gets the exit code that a shell would give, and says what is wrong with the file. */
async function explainFailure(error: unknown, prepared: Prepared): Promise<unknown> {
  if (!(error instanceof LaunchError) || !error.isExec) return error;
  const { explainExecFailure } = await import("./exec-failure.ts");
  return explainExecFailure(error, prepared);
}

/** Tells the observer what a step has done. Loaded for a trace only. */
async function report(start: Start, step: StartStep, ms: number, observer: Observer): Promise<void> {
  const { reportStep } = await import("./report.ts");
  reportStep(start, step, ms, observer);
}

/** So long after the command has begun its limits are watched: a short one has ended by then, and has cost nothing. */
const watchAfterMs = 100;

/**
 * Watches what the limits of a container do: from now on where it has a soft limit, else in a moment. The answer ends that,
 * and says whether it was told that memory had run out.
 */
async function watchLimits(
  { prepared: { instance, id, spec }, record }: Start,
  how: { readonly say: (line: string) => void; readonly tell: TellLimitEvent | undefined },
): Promise<() => Promise<boolean>> {
  if (record?.cgroup === undefined) return async () => false;
  let end: (() => Promise<boolean>) | undefined;
  let over = false;
  const begin = async (): Promise<void> => {
    const { watchOwnLimits } = await import("./own-limits.ts");
    if (!over) end = watchOwnLimits(instance, id, how);
  };
  let timer: NodeJS.Timeout | undefined;
  if (spec.linux.resources?.memory?.reservation) await begin();
  else
    timer = setTimeout(
      () => begin().catch((error: unknown) => how.say(messageOf(error))),
      watchAfterMs,
    ).unref();
  return async () => {
    over = true;
    clearTimeout(timer);
    return (await end?.()) ?? false;
  };
}

/** Many a command has ended after so long. Meanwhile nothing of it has to pass through here, except for a terminal's. */
const shortMs = 5;

/** Shows output, passes signals and resizes on, until the monitor says how the container ended. Returns its wait status, and whether it was told meanwhile that memory had run out. */
async function attend(
  start: Start,
  signals: Signals,
  { say, tell, alone = false }: RunOptions,
): Promise<{ readonly status: number | undefined; readonly toldOom: boolean }> {
  const { launched, terminal } = start;
  if (launched?.child === undefined) throw new Error("nothing was launched");
  const relay =
    terminal === undefined ? undefined : (await import("./relay.ts")).relayTerminal(terminal, signals.hangUp);
  // From here on the relay closes it.
  start.terminal = undefined;
  signals.forwardTo(launched.child);
  const unwatch = await watchLimits(start, { say: relay === undefined ? say : () => undefined, tell });
  let toldOom = false;
  let status: number | undefined;
  try {
    const message = await launched.control.receiveLater(alone && relay === undefined ? shortMs : 0);
    if (message?.kind === "exited") status = message.status;
  } finally {
    // Showing the rest may take long, and the pid may soon be another's.
    signals.forwardTo(undefined);
    toldOom = await unwatch();
    await relay?.finish();
  }
  return { status, toldOom };
}

/** Takes everything back; what fails is said, and does not hide how the container itself ended. */
async function cleanUp(start: Start, keep: boolean, say: (line: string) => void): Promise<void> {
  if (keep) start.kept.commit();
  for (const stack of [start.failing, start.running, start.kept]) {
    try {
      await stack.unwind();
    } catch (error) {
      say(`warning: ${messageOf(error)}; run mdocker gc`);
    }
  }
}

/**
 * After a container that wrote nothing the monitor has removed its cgroup and files already, and its lease has died
 * with it: only the streams, the name and the runtime directory are left. True when that was so.
 */
async function finishQuickly({
  prepared,
  launched,
  record,
  interruption,
  reservation,
}: Start): Promise<boolean> {
  const { instance, id } = prepared;
  if (launched === undefined || record === undefined) return false;
  // The monitor does its part meanwhile; when it has ended, what it could not remove is still there.
  releaseAnyName(instance, record);
  if (reservation !== undefined) (await import("../../net/ports/publish.ts")).unpublish(instance, id);
  if (prepared.ids !== undefined) (await import("./users/range.ts")).releaseIds(instance, id);
  if (prepared.spec.process.selinuxLabel !== undefined)
    (await import("./selinux/claim.ts")).releaseLevel(instance, id);
  const late = hasLateCgroups(instance, id);
  removeRunDirectory(instance, id);
  await endMonitor(launched, prepared.program, interruption);
  abandon(launched, prepared.program);
  if (late) removeCgroup(prepared.cgroup.host, prepared.cgroup.path);
  return !existsSync(containerPaths(instance, id).directory);
}

/** What failed inside the container, if that came before our own failure. */
async function firstFailure(start: Start): Promise<LaunchError | undefined> {
  const { launched, prepared, terminal, interruption } = start;
  if (launched === undefined || !(await endChild(launched, prepared.program, interruption))) return undefined;
  const awaited = prepared.spec.process.terminal === true && terminal === undefined;
  return failureOf(launched, prepared.program, awaited);
}

function keepRecord(start: Start, exit: ExitRecord | undefined): void {
  const { record, prepared } = start;
  if (record === undefined) return;
  try {
    // It may have been renamed or updated meanwhile.
    const now = readRecord(prepared.instance, prepared.id) ?? record;
    writeRecord(prepared.instance, { ...now, state: "exited", exit });
  } catch (error) {
    // Killed and removed by another: mdocker rm -f.
    if (!hasErrno(error, "ENOENT")) throw error;
  }
}

function describeOom({ spec }: Prepared): string {
  const limit = spec.linux.resources?.memory?.limit;
  const which = limit === undefined ? "the host's memory" : `its limit of ${formatBytes(limit)} (--memory)`;
  return `out of memory: the kernel killed a process of the container, which had reached ${which}`;
}

/** An end for want of memory that came too early, or too suddenly, to be seen while it ran. */
async function tellLastOom(
  { prepared: { instance }, record }: Start,
  { at }: ExitRecord,
  tell: TellLimitEvent | undefined,
): Promise<void> {
  if (tell === undefined || record === undefined) return;
  try {
    await tell(instance, record, { at, action: "oom", attributes: {} });
  } catch (error) {
    // A supervisor that cannot be reached is no fault of the container.
    if (!(error instanceof Error)) throw error;
  }
}

/**
 * Runs a container in the foreground: sets it up, attends to it, and leaves nothing of it but, with `keep`, its record
 * and writable layer. Returns the exit code: the command's own, or 128 and the signal.
 * @throws MdockerError with the exit code to end with, after everything has been taken back.
 */
export async function runContainer(
  instance: Instance,
  request: RunRequest,
  options: RunOptions,
): Promise<number> {
  const { observer, say, afterStep } = options;
  await collectOrphans(instance);
  const prepared = await prepareWithImage(instance, request, { say, traced: observer !== undefined });
  for (const note of prepared.notes) say(note);
  // Until everything has been taken back: a signal must not end us in the middle of it.
  const signals = catchSignals();
  const interruption = new Interruption(signals);
  const start: Start = {
    prepared,
    interruption,
    failing: new UndoStack(),
    running: new UndoStack(),
    kept: new UndoStack(),
    observer,
    stdio: [0, 1, 2],
    record: undefined,
    launched: undefined,
    leases: [],
    networks: [],
    endpoints: [],
    terminal: undefined,
  };
  let ended = false;
  try {
    let index = 0;
    for (const step of planStart(prepared)) {
      // Signals reach us only between turns of the event loop: this is the last moment to have one of them.
      if (step.kind === "go") await new Promise((resolve) => setImmediate(resolve));
      if (step.kind === "go" && start.launched?.child !== undefined)
        await options.beforeGo?.(start.launched.child.pid);
      interruption.refuse();
      const begin = monotonicMs();
      await performStep(start, step);
      if (observer !== undefined) await report(start, step, monotonicMs() - begin, observer);
      afterStep?.(index++);
    }
    answerNames(instance, prepared.id, say);
    const { status, toldOom } = await attend(start, signals, options);
    ended = true;
    start.failing.commit();
    if (status === undefined)
      throw new MdockerError("the monitor of the container is gone; the container was ended", ExitCode.setup);
    const exit = readExit(instance, prepared.id);
    if (exit?.oomKilled === true) {
      say(describeOom(prepared));
      if (!toldOom) await tellLastOom(start, exit, options.tell);
    }
    if (request.keep) keepRecord(start, exit);
    return exitCodeOf(status);
  } catch (error) {
    interruption.takingBack();
    const first = ended ? undefined : await firstFailure(start);
    if (observer !== undefined) (await import("./report.ts")).reportProgram(start, observer, false);
    throw await explainFailure(first ?? error, prepared);
  } finally {
    leaveNames(instance, prepared.id);
    if (start.terminal !== undefined) closeSync(start.terminal);
    interruption.takingBack();
    if (!ended || request.keep || !(await finishQuickly(start)))
      await cleanUp(start, ended && request.keep, say);
    signals.release();
  }
}

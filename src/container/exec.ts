import { closeSync, openSync } from "node:fs";
import { isoTime } from "../core/clock.ts";
import { SetupError } from "../core/errors.ts";
import type { Instance } from "../core/paths.ts";
import { ownProfile } from "../security/apparmor/name.ts";
import { isReadable } from "../sys/poll.ts";
import { isAlive } from "../sys/process.ts";
import { receiveWithFd, sendWithFd } from "../sys/socket.ts";
import { type ExecPlan, planExec, refuseStopped } from "./exec-plan.ts";
import { type ExecRecord, makeExecDirectory, removeExec, writeExecRecord } from "./exec-records.ts";
import type { ExecLifetime, ExecRequest } from "./exec-request.ts";
import { abandon, awaitChild, failureOf, LaunchError, type Launched, launch } from "./launch.ts";
import { newId } from "./names.ts";
import type { ContainerRecord } from "./record.ts";

/** What an exec is started with. */
export interface ExecOptions {
  readonly lifetime: ExecLifetime;
  /** Its stdin, stdout and stderr; of no meaning with a terminal. They stay the caller's. */
  readonly stdio: readonly [number, number, number];
  /** 64 hex digits; default: a new one. */
  readonly id?: string | undefined;
  /** Of a foreground exec, asked while the command does not run yet: throws when nobody wants it any more. */
  readonly refuse?: (() => void) | undefined;
}

/** A command that runs in a container. */
export interface StartedExec {
  readonly record: ExecRecord;
  /** The outer end of its terminal; the caller closes it. A detached exec keeps its own. */
  readonly terminal: number | undefined;
  /** For awaitExec and finishExec. */
  readonly launched: Launched;
  readonly plan: ExecPlan;
}

/** Nearly always the child answers within so long; waiting for it at once is the fastest. */
const promptMs = 50;
const patientMs = 10;

/**
 * Waits until the child has something to say. One that takes longer, because its container has just been paused, or its
 * working directory is of a server that is gone, must not hold up others that we serve.
 */
async function hear({ sync }: Launched, refuse: ExecOptions["refuse"]): Promise<void> {
  for (let ms = promptMs; !isReadable(sync.fd, ms); ms = 0) {
    await new Promise((resolve) => setTimeout(resolve, patientMs));
    // First: a signal that came because it runs must not be taken for one that came before.
    if (isReadable(sync.fd, 0)) return;
    refuse?.();
  }
}

/** Takes the terminal that the child has opened. @throws LaunchError */
async function receiveTerminal(
  launched: Launched,
  { program }: ExecPlan,
  refuse: ExecOptions["refuse"],
): Promise<number> {
  await hear(launched, refuse);
  const { sync } = launched;
  const { bytes, fd } = receiveWithFd(sync.fd, 1);
  if (fd !== undefined) return fd;
  const failure = bytes.length === 0 ? undefined : sync.receive(bytes);
  if (failure?.kind === "failed") throw new LaunchError(program, failure);
  throw new SetupError("the command ended before it had a terminal");
}

/** Lets the child go on to the command, and waits until execve has happened. @throws LaunchError */
async function go(launched: Launched, { program }: ExecPlan, refuse: ExecOptions["refuse"]): Promise<void> {
  const { sync } = launched;
  sync.go();
  await hear(launched, refuse);
  const message = sync.receive();
  if (message?.kind === "failed") throw new LaunchError(program, message);
  sync.close();
}

function launchPlan(plan: ExecPlan, own: string, all: string, stdio: ExecOptions["stdio"]): Launched {
  const directories = openSync(all, "r");
  try {
    return launch(plan.program, {
      runDirectory: own,
      cgroupDirectory: plan.cgroupDirectory,
      stdio,
      held: [directories, plan.pidfd],
      traced: false,
    });
  } finally {
    closeSync(directories);
  }
}

function recordOf(plan: ExecPlan, id: string, request: ExecRequest, launched: Launched): ExecRecord {
  const { uid, gid } = plan.process.user;
  return {
    version: 1,
    id,
    container: plan.container.id,
    command: request.args,
    user: request.user ?? `${uid}:${gid}`,
    cwd: plan.process.cwd,
    terminal: request.terminal,
    privileged: request.privileged,
    started: isoTime(),
    process: awaitChild(launched, plan.program),
    monitor: launched.monitor,
  };
}

/** What went wrong, as the user should read it. */
async function explain(error: unknown, plan: ExecPlan): Promise<unknown> {
  // A container that ends takes everything with it: each step may fail then.
  if (!isAlive(plan.init)) {
    try {
      refuseStopped(plan.container);
    } catch (stopped) {
      return stopped;
    }
  }
  if (!(error instanceof LaunchError)) return error;
  const { explainFailedExec } = await import("./exec-fault.ts");
  return explainFailedExec(error, plan);
}

async function startPlanned(
  instance: Instance,
  plan: ExecPlan,
  request: ExecRequest,
  id: string,
  { lifetime, stdio, refuse: asked }: ExecOptions,
): Promise<StartedExec> {
  const { container } = plan;
  const directory = makeExecDirectory(instance, container.id, id);
  if (directory === undefined) return refuseStopped(container);
  let launched: Launched | undefined;
  let terminal: number | undefined;
  let refused = false;
  const refuse = (): void => {
    refused = true;
    asked?.();
    refused = false;
  };
  try {
    if (plan.outside !== undefined) {
      const { enterTree } = await import("../../cgroup/scope.ts");
      enterTree(plan.outside);
    }
    launched = launchPlan(plan, directory.own, directory.all, stdio);
    const record = recordOf(plan, id, request, launched);
    writeExecRecord(instance, record);
    if (request.terminal) terminal = await receiveTerminal(launched, plan, refuse);
    await go(launched, plan, refuse);
    if (terminal !== undefined && lifetime === "detached") {
      sendWithFd(launched.control.fd, terminal);
      closeSync(terminal);
      terminal = undefined;
    }
    return { record, terminal, launched, plan };
  } catch (error) {
    if (refused && launched !== undefined) {
      // What hangs may hang for long: its monitor, which loses us by this, kills it and removes what there is of it.
      for (const stream of [launched.sync, launched.control]) stream.close();
      if (terminal !== undefined) closeSync(terminal);
      throw error;
    }
    const first =
      launched === undefined
        ? undefined
        : failureOf(launched, plan.program, request.terminal && terminal === undefined);
    if (terminal !== undefined) closeSync(terminal);
    // A monitor that waits for the terminal would not end.
    if (request.terminal && lifetime === "detached") launched?.control.go();
    const failure = await explain(first ?? error, plan);
    if (launched !== undefined) abandon(launched, plan.program);
    removeExec(instance, container.id, id);
    throw failure;
  }
}

/**
 * Runs one more command in a running container: in all its namespaces and its cgroup, with the privileges that the
 * container's own command has. Returns as soon as execve has succeeded.
 * @throws ConflictError when the container does not run or is paused; UsageError for what cannot be had in it; an error
 * with exit code 126 or 127 when the command cannot be executed or is not there. Nothing stays then.
 */
export async function startExec(
  instance: Instance,
  container: ContainerRecord,
  request: ExecRequest,
  options: ExecOptions,
): Promise<StartedExec> {
  const id = options.id ?? newId();
  const plan = planExec(instance, container, request, { id, lifetime: options.lifetime });
  try {
    const { apparmorProfile } = plan.process;
    if (apparmorProfile?.startsWith(ownProfile) === true)
      (await import("./own-profile.ts")).restoreOwnProfile(apparmorProfile);
    return await startPlanned(instance, plan, request, id, options);
  } finally {
    closeSync(plan.pidfd);
  }
}

/**
 * Ends our part in an exec: should it still run, it is killed. Its monitor is reaped, and what is known of it goes,
 * unless it was to be kept.
 */
export function finishExec(instance: Instance, { record, launched, plan }: StartedExec, keep = false): void {
  abandon(launched, plan.program);
  if (!keep) removeExec(instance, record.container, record.id);
}

/** Leaves a detached exec alone: its monitor takes away what there is of it when it has ended. */
export function leaveExec({ launched }: StartedExec): void {
  launched.sync.close();
  launched.control.close();
}

import { thaw } from "../../cgroup/freeze.ts";
import { detectCgroups } from "../../cgroup/host.ts";
import { ConflictError, NotModifiedError, SetupError } from "../core/errors.ts";
import type { Instance } from "../core/paths.ts";
import { parseSignal } from "../core/signal.ts";
import { signalProcess } from "../sys/pidfd.ts";
import { isAlive, type ProcessIdentity } from "../sys/process.ts";
import { awaitExit } from "./await-exit.ts";
import { changeRecord } from "./change-record.ts";
import type { ContainerRecord } from "./record.ts";
import { markStop } from "./stop-mark.ts";

const SIGTERM = 15;
const SIGKILL = 9;
/** docker's. */
const defaultTimeout = 10;
/** How long the kernel may take to end all processes of a killed pid namespace. */
const endingMs = 10_000;
/** More than setTimeout can wait is as good as for ever. */
const longestMs = 2 ** 31 - 1;

export interface StopRequest {
  /** By number; default: the container's own. */
  readonly signal?: number | undefined;
  /** Seconds until SIGKILL; -1 without end; default: the container's own. */
  readonly timeout?: number | undefined;
  /**
   * Resolves when the container has ended, for callers that know it. Without it the runtime directory and the monitor
   * are watched, see {@link awaitExit}.
   */
  readonly ended?: Promise<unknown> | undefined;
  /** By a supervisor that ends: its restart policy may start it again with the next one. */
  readonly shutdown?: boolean | undefined;
}

/** Resolves to true when `ended` does, to false after `ms`; without a limit it waits for `ended` alone. */
async function within(ended: Promise<unknown>, ms: number): Promise<boolean> {
  if (ms < 0 || ms > longestMs) return ended.then(() => true);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, ms, false);
  });
  try {
    return await Promise.race([ended.then(() => true as const), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Signals pid 1, and lets a container that is paused run, so that it can act on it. */
export function signalContainer(
  { cgroup }: ContainerRecord,
  init: ProcessIdentity,
  signal: number,
  wakes: boolean,
): boolean {
  const sent = signalProcess(init, signal);
  // After the signal: it is the first thing that it sees.
  if (wakes && cgroup !== undefined) thaw(detectCgroups(), cgroup);
  return sent;
}

/** The signal that asks this container to end, by number. */
export function stopSignalOf({ stopSignal }: ContainerRecord): number {
  return stopSignal === undefined ? SIGTERM : parseSignal(stopSignal, "stop signal");
}

/** A container between two runs is not started again: it has ended, as somebody wanted. */
function endRestarts(instance: Instance, id: string): void {
  changeRecord(instance, id, (record) => {
    if (record.state !== "restarting") return record;
    const { exit } = record;
    return { ...record, state: "exited", exit: exit === undefined ? exit : { ...exit, reason: "stopped" } };
  });
}

/**
 * Asks a container to end by its stop signal, and kills it when it has not after the timeout; resolves when it has ended.
 * That it was asked to is marked before any signal is sent. May be called twice at once. One that is between two runs of
 * its restart policy has no more of them.
 * @throws NotModifiedError when it does not run; ConflictError while it is being made; SetupError when it does not even
 * end after SIGKILL.
 */
export async function stopContainer(
  instance: Instance,
  record: ContainerRecord,
  request: StopRequest = {},
): Promise<void> {
  const { id, name, init, state } = record;
  if (state === "restarting") {
    endRestarts(instance, id);
    return;
  }
  if (state === "creating" || state === "starting")
    throw new ConflictError(`container ${name} is just being started: try again`);
  if ((state !== "running" && state !== "paused") || init === undefined || !isAlive(init))
    throw new NotModifiedError(`container ${name} is not running`);
  const { shutdown } = request;
  const signal = request.signal ?? stopSignalOf(record);
  const timeout = request.timeout ?? record.stopTimeout ?? defaultTimeout;
  const over = new AbortController();
  const watched = request.ended === undefined ? awaitExit(instance, record, over.signal) : undefined;
  const ended = request.ended ?? watched ?? Promise.resolve();
  try {
    markStop(instance, id, { signal, killed: signal === SIGKILL, shutdown });
    signalContainer(record, init, signal, true);
    if (await within(ended, timeout < 0 ? -1 : timeout * 1000)) return;
    markStop(instance, id, { signal, killed: true, shutdown });
    signalContainer(record, init, SIGKILL, true);
    if (!(await within(ended, endingMs)))
      throw new SetupError(`container ${name} does not end after SIGKILL: see ps -p ${init.pid}`);
  } finally {
    over.abort();
    await watched?.catch(() => undefined);
  }
}

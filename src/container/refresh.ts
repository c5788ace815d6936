import { isFrozen } from "../../cgroup/freeze.ts";
import { type CgroupHost, detectCgroups } from "../../cgroup/host.ts";
import { parseLimitOom, parseOom } from "../../cgroup/oom.ts";
import { readTextIfAny } from "../core/atomic.ts";
import { isoTime } from "../core/clock.ts";
import { NotFoundError, UsageError } from "../core/errors.ts";
import { join } from "../core/join.ts";
import type { Instance } from "../core/paths.ts";
import { exitCodeOf } from "../program/message.ts";
import { bootId, isAlive } from "../sys/process.ts";
import type { ContainerRecord, ExitRecord } from "./record.ts";
import type { UnreadableRecordError } from "./record-text.ts";
import { readStopMark, reasonOf } from "./stop-mark.ts";
import { containerPaths, listRecords, nameHolder, readRecord } from "./store.ts";

/** The exit record that the monitor wrote, or undefined while there is none. */
export function readExit(instance: Instance, id: string): ExitRecord | undefined {
  const text = readTextIfAny(join(containerPaths(instance, id).run, "exit"));
  const match = text === undefined ? null : /^(\d+) (\d+) (\d+)\n([\s\S]*)$/.exec(text);
  if (match === null) return undefined;
  const [, status, seconds, nanoseconds, watched = ""] = match;
  const exit = {
    code: exitCodeOf(Number(status)),
    at: isoTime(Number(seconds) * 1000 + Math.floor(Number(nanoseconds) / 1e6)),
    oomKilled: parseOom(watched) > 0,
  };
  const mark = readStopMark(instance, id);
  const reason = reasonOf(exit, mark, {
    oomKilled: exit.oomKilled,
    limitHits: parseLimitOom(watched),
    limited: exit.oomKilled && (readRecord(instance, id)?.resources.memory?.limit ?? 0) > 0,
  });
  if (reason === undefined) return exit;
  const asked = reason === "stopped" || reason === "killed";
  return asked && mark?.shutdown === true ? { ...exit, reason, shutdown: true } : { ...exit, reason };
}

/** States without a process, which no look at processes changes. */
const endedStates: ReadonlySet<ContainerRecord["state"]> = new Set([
  "created",
  "restarting",
  "exited",
  "dead",
]);

/** True while some process of the container, or the one that makes it, lives. */
export function isLive(record: ContainerRecord): boolean {
  if (record.bootId !== bootId() || endedStates.has(record.state)) return false;
  return [
    record.init,
    record.monitor,
    record.state === "creating" || record.state === "starting" ? record.owner : undefined,
  ].some((process) => process !== undefined && isAlive(process));
}

let host: CgroupHost | undefined;

/** Whether what runs is paused, as the kernel has it. */
function liveState({ state, cgroup }: ContainerRecord): ContainerRecord["state"] {
  if ((state !== "running" && state !== "paused") || cgroup === undefined) return state;
  // Found once: where hierarchies are mounted does not change under a command.
  host ??= detectCgroups();
  return isFrozen(host, cgroup) ? "paused" : "running";
}

/** The record as it really is now: what claims to run but has no process has exited. Nothing is written. */
function refresh(instance: Instance, record: ContainerRecord): ContainerRecord {
  if (endedStates.has(record.state)) return record;
  // The monitor of a detached container outlives it until the supervisor has seen the end.
  const exit = record.foreground ? undefined : readExit(instance, record.id);
  if (exit === undefined && isLive(record)) return { ...record, state: liveState(record) };
  // Whoever started it is gone: it is what it was.
  if (record.state === "starting")
    return { ...record, state: record.exit === undefined ? "created" : "exited" };
  return { ...record, state: "exited", exit: record.exit ?? exit ?? readExit(instance, record.id) };
}

/** All containers, newest first, in the state they are really in; see `listRecords` for `unreadable`. */
export function listContainers(
  instance: Instance,
  unreadable: (error: UnreadableRecordError) => void = () => undefined,
): ContainerRecord[] {
  return listRecords(instance, unreadable).map((record) => refresh(instance, record));
}

/**
 * The container that `reference` names: a name, an id, or an unambiguous beginning of an id.
 * @throws UsageError when there is none, or more than one; UnreadableRecordError when its record says nothing.
 */
export function findContainer(instance: Instance, reference: string): ContainerRecord {
  const named = /^[\w.-]+$/.test(reference) ? nameHolder(instance, reference) : undefined;
  const found = named === undefined ? undefined : readRecord(instance, named);
  if (found !== undefined) return refresh(instance, found);
  let unreadable: UnreadableRecordError | undefined;
  const matches = /^[0-9a-f]{1,64}$/.test(reference)
    ? listRecords(instance, (error) => {
        if (error.id.startsWith(reference)) unreadable = error;
      }).filter(({ id }) => id.startsWith(reference))
    : [];
  const [only, second] = matches;
  if (second !== undefined)
    throw new UsageError(`container ${reference}: ${matches.length} ids begin so: give more digits`);
  if (unreadable !== undefined) throw unreadable;
  if (only === undefined) throw new NotFoundError(`no such container: ${reference}`);
  return refresh(instance, only);
}

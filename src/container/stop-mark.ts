import { linkSync, unlinkSync } from "node:fs";
import { readTextIfAny, writeFileAtomic } from "../core/atomic.ts";
import { hasErrno } from "../core/errors.ts";
import { join } from "../core/join.ts";
import type { Instance } from "../core/paths.ts";
import { writeFile } from "../core/write-file.ts";
import type { ExitRecord } from "./record.ts";
import { containerPaths } from "./store.ts";

/** That somebody asked a container to end: `stop-requested` in its runtime directory, written before any signal is sent. */
export interface StopMark {
  /** The signal that it was first asked by. */
  readonly signal: number;
  /** ISO 8601: when it was first asked. */
  readonly at: string;
  /** It was, or is just being, killed for it. */
  readonly killed: boolean;
  /** By a supervisor that ends, and not by a user. */
  readonly shutdown?: boolean | undefined;
}

function markPath(instance: Instance, id: string): string {
  return join(containerPaths(instance, id).run, "stop-requested");
}

/** The mark of the present run; undefined when nobody asked for its end. */
export function readStopMark(instance: Instance, id: string): StopMark | undefined {
  const text = readTextIfAny(markPath(instance, id));
  return text === undefined ? undefined : (JSON.parse(text) as StopMark);
}

let serial = 0;

/**
 * Marks the present run as asked to end. One that is marked already keeps its first mark, unless this one says that it is
 * killed. That the container has gone meanwhile, runtime directory and all, is no error.
 */
export function markStop(
  instance: Instance,
  id: string,
  { signal, killed, shutdown }: Omit<StopMark, "at">,
): void {
  const path = markPath(instance, id);
  const first = killed ? readStopMark(instance, id) : undefined;
  const mark: StopMark = { signal, at: new Date().toISOString(), shutdown, ...first, killed };
  try {
    if (killed) {
      writeFileAtomic(path, JSON.stringify(mark));
      return;
    }
    const temporary = `${path}.${process.pid}.${++serial}.tmp`;
    try {
      writeFile(temporary, JSON.stringify(mark), 0o600);
      // Unlike a rename it does not replace a mark that is there: of two who ask at once only one comes first.
      linkSync(temporary, path);
    } finally {
      unlinkSync(temporary);
    }
  } catch (error) {
    if (!hasErrno(error, "EEXIST", "ENOENT")) throw error;
  }
}

/** What an exit record of the monitor says about the kernel's part in the end. */
export interface MemoryDeath {
  /** Some process was killed for want of memory. */
  readonly oomKilled: boolean;
  /** How often the container's own limit was the cause; undefined where the kernel does not tell (cgroup v1). */
  readonly limitHits: number | undefined;
  /** It has a memory limit. */
  readonly limited: boolean;
}

/** Why a container ended, where that is known; see {@link ExitRecord}. */
export function reasonOf(
  { code, at }: Pick<ExitRecord, "code" | "at">,
  mark: StopMark | undefined,
  { oomKilled, limitHits, limited }: MemoryDeath,
): ExitRecord["reason"] {
  // Who asks when it has ended already has no part in it.
  if (mark !== undefined && mark.at <= at) return mark.killed && code === 137 ? "killed" : "stopped";
  if (!oomKilled || code !== 137) return undefined;
  return (limitHits ?? (limited ? 1 : 0)) > 0 ? "hard-limit-killed" : "oom-killed";
}

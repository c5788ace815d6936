import type { CgroupHost } from "../../cgroup/host.ts";
import { listProcesses } from "../../cgroup/processes.ts";
import { readTextIfAny } from "../core/atomic.ts";
import { hasErrno } from "../core/errors.ts";
import type { GrownProcess } from "./record.ts";

/** Of x86_64, and of arm64 as distributions build it. */
const pageSize = 4096;

/** Resident memory by pid, in bytes. */
export type Residents = ReadonlyMap<number, number>;

/** A file of a process; undefined when the process has ended. */
function read(pid: number, file: string): string | undefined {
  try {
    return readTextIfAny(`/proc/${pid}/${file}`);
  } catch (error) {
    if (hasErrno(error, "ESRCH")) return undefined;
    throw error;
  }
}

/** What the processes of a container have in memory (proc_pid_statm(5)). */
export function readResidents(host: CgroupHost, cgroup: string): Residents {
  const found = new Map<number, number>();
  for (const pid of listProcesses(host, cgroup)) {
    const pages = read(pid, "statm")?.split(" ")[1];
    if (pages !== undefined) found.set(pid, Number(pages) * pageSize);
  }
  return found;
}

/**
 * The process that has grown most since `before`; one that was not there has grown by all it has. Undefined when none
 * has: it is files in memory, then, or the cache of others.
 */
export function grownMost(before: Residents, now: Residents): GrownProcess | undefined {
  let [most, growth] = [0, 0];
  for (const [pid, resident] of now) {
    const more = resident - (before.get(pid) ?? 0);
    if (more > growth) [most, growth] = [pid, more];
  }
  if (most === 0) return undefined;
  const name = read(most, "comm")?.trimEnd() ?? "";
  return { pid: most, name, resident: now.get(most) ?? 0 };
}

import { readFileSync } from "node:fs";
import type { CgroupUsage } from "../../cgroup/stats.ts";
import { hasErrno } from "../core/errors.ts";

import { statFields } from "../sys/process.ts";

/** sysconf(_SC_CLK_TCK) is 100 wherever Linux runs. */
const microsecondsPerTick = 10_000;

/** A file of a process; undefined when that has gone or may not be looked at. */
function readOf(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch (error) {
    if (hasErrno(error, "ENOENT", "ESRCH", "EACCES", "EPERM")) return undefined;
    throw error;
  }
}

/** CPU time of a process and of the children it has awaited, in microseconds: proc_pid_stat(5), fields 14 to 17. */
export function cpuOf(stat: string): { readonly user: number; readonly system: number } {
  const fields = statFields(stat).map(Number);
  const [user = 0, system = 0, childrenUser = 0, childrenSystem = 0] = fields.slice(11, 15);
  return {
    user: (user + childrenUser) * microsecondsPerTick,
    system: (system + childrenSystem) * microsecondsPerTick,
  };
}

/** A counter of /proc/PID/status or /proc/PID/smaps_rollup in bytes. */
function kilobytes(text: string | undefined, name: string): number {
  return Number(new RegExp(`^${name}:\\s*(\\d+) kB$`, "m").exec(text ?? "")?.[1] ?? 0) * 1024;
}

/**
 * What processes use by their own account, for a container without a cgroup: nothing limits it, and what has ended
 * without being awaited counts no more. Memory is theirs proportionally where they share it, else as it is resident.
 */
export function usageOfProcesses(pids: readonly number[]): Omit<CgroupUsage, "block"> {
  let [user, system, current, anonymous, count] = [0, 0, 0, 0, 0];
  for (const pid of pids) {
    const stat = readOf(pid, "stat");
    if (stat === undefined) continue;
    const [cpu, status, rollup] = [cpuOf(stat), readOf(pid, "status"), readOf(pid, "smaps_rollup")];
    user += cpu.user;
    system += cpu.system;
    count += Number(/^Threads:\s*(\d+)$/m.exec(status ?? "")?.[1] ?? 1);
    current += kilobytes(rollup, "Pss") || kilobytes(status, "VmRSS");
    anonymous += kilobytes(rollup, "Pss_Anon") || kilobytes(status, "RssAnon");
  }
  return {
    cpu: { usage: user + system, user, system },
    memory: { current, limit: undefined, anonymous, cache: 0, inactiveFile: 0, counters: {} },
    pids: { current: count, limit: undefined },
  };
}

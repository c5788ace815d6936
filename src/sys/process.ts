import { readFileSync } from "node:fs";
import { readTextIfAny } from "../core/atomic.ts";
import { hasErrno } from "../core/errors.ts";

/** Identity of a process that survives pid reuse: pid and start time (field 22 of /proc/PID/stat, in clock ticks). */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTime: string;
}

/**
 * What /proc/PID/stat says from its third field, the state, on: field N of proc_pid_stat(5) is at N - 3. The command name
 * before it, in parentheses, may hold spaces and parentheses itself.
 */
export function statFields(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

/** The start time of `pid`, or undefined when there is no such process. A zombie counts as gone. */
export function startTimeOf(pid: number): string | undefined {
  let stat: string | undefined;
  try {
    stat = readTextIfAny(`/proc/${pid}/stat`);
  } catch (error) {
    if (hasErrno(error, "ESRCH")) return undefined;
    throw error;
  }
  if (stat === undefined) return undefined;
  const fields = statFields(stat);
  return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
}

/** The identity of a living process, or undefined. */
export function identify(pid: number): ProcessIdentity | undefined {
  const startTime = startTimeOf(pid);
  return startTime === undefined ? undefined : { pid, startTime };
}

/** This very process, as the owner of something. */
export function ourselves(): ProcessIdentity {
  return identify(process.pid) ?? { pid: process.pid, startTime: "0" };
}

/** True while exactly this process lives. */
export function isAlive(identity: ProcessIdentity): boolean {
  return startTimeOf(identity.pid) === identity.startTime;
}

let boot: string | undefined;

/** The id of this boot: what was recorded under another one is dead. */
export function bootId(): string {
  boot ??= readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  return boot;
}

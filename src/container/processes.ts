import { readFileSync, statSync } from "node:fs";
import { readTextIfAny } from "../core/atomic.ts";
import { hasErrno } from "../core/errors.ts";
import { statFields } from "../sys/process.ts";

/** The answer of GET /containers/ID/top. */
export interface ProcessTable {
  readonly Titles: readonly string[];
  /** A row a process, as many cells as there are titles. */
  readonly Processes: readonly (readonly string[])[];
}

/** USER_HZ, the same on every machine. */
const ticksPerSecond = 100;
const months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** What the columns are made from. */
export interface ProcessFacts {
  readonly pid: number;
  readonly uid: number;
  /** Text of /proc/PID/stat and /proc/PID/cmdline. */
  readonly stat: string;
  readonly commandLine: string;
}

/** The host at the moment of looking. Times in milliseconds since 1970. */
export interface ProcessContext {
  readonly bootTime: number;
  readonly now: number;
  readonly userName: (uid: number) => string | undefined;
}

const twoDigits = (value: number): string => String(value).padStart(2, "0");

/** tty_nr of proc_pid_stat(5): the pseudo-terminals' majors are 136 to 143, of the consoles' 4. */
function terminalName(device: number): string {
  const major = (device >> 8) & 0xfff;
  const minor = (device & 0xff) | ((device >>> 12) & 0xfff00);
  if (major >= 136 && major <= 143) return `pts/${(major - 136) * 256 + minor}`;
  if (major === 4) return minor < 64 ? `tty${minor}` : `ttyS${minor - 64}`;
  return "?";
}

/** `09:05` today, `Nov23` this year, else the year. */
function startText(start: number, now: number): string {
  const [then, today] = [new Date(start), new Date(now)];
  if (then.getFullYear() !== today.getFullYear()) return String(then.getFullYear());
  if (then.toDateString() !== today.toDateString()) {
    return `${months[then.getMonth()]}${twoDigits(then.getDate())}`;
  }
  return `${twoDigits(then.getHours())}:${twoDigits(then.getMinutes())}`;
}

/** One row of `ps -ef`: UID PID PPID C STIME TTY TIME CMD. */
export function describeProcess(facts: ProcessFacts, context: ProcessContext): string[] {
  const { pid, uid, stat, commandLine } = facts;
  const name = stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")"));
  // From field 3, the state, on: ppid 4, tty_nr 7, utime 14, stime 15, starttime 22.
  const fields = statFields(stat);
  const field = (number: number): number => Number(fields[number - 3] ?? 0);
  const cpu = (field(14) + field(15)) / ticksPerSecond;
  const start = context.bootTime + (field(22) / ticksPerSecond) * 1000;
  const elapsed = (context.now - start) / 1000;
  const user = context.userName(uid);
  const seconds = Math.floor(cpu);
  const time = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
    .map(twoDigits)
    .join(":");
  const words = commandLine.replace(/\0+$/, "").replaceAll("\0", " ");
  return [
    user === undefined ? String(uid) : user.length > 8 ? `${user.slice(0, 7)}+` : user,
    String(pid),
    String(field(4)),
    String(elapsed > 0 ? Math.min(99, Math.floor((cpu * 100) / elapsed)) : 0),
    startText(start, context.now),
    terminalName(field(7)),
    time,
    // What a process calls itself must not command the terminal.
    (words === "" ? `[${name}]` : words).replaceAll(/\p{C}/gu, "?"),
  ];
}

function hostUsers(): (uid: number) => string | undefined {
  const names = new Map<number, string>();
  for (const line of (readTextIfAny("/etc/passwd") ?? "").split("\n")) {
    const [name = "", , uid] = line.split(":");
    if (uid !== undefined && !names.has(Number(uid))) names.set(Number(uid), name);
  }
  return (uid) => names.get(uid);
}

/** What `ps -ef` shows of these processes, read from /proc. Those that have gone are left out. */
export function describeProcesses(pids: readonly number[]): ProcessTable {
  const booted = /^btime (\d+)$/m.exec(readFileSync("/proc/stat", "utf8"))?.[1];
  const context = { bootTime: Number(booted ?? 0) * 1000, now: Date.now(), userName: hostUsers() };
  const rows = pids.flatMap((pid) => {
    try {
      const facts = {
        pid,
        uid: statSync(`/proc/${pid}`).uid,
        stat: readFileSync(`/proc/${pid}/stat`, "utf8"),
        commandLine: readFileSync(`/proc/${pid}/cmdline`, "utf8"),
      };
      return [describeProcess(facts, context)];
    } catch (error) {
      if (hasErrno(error, "ENOENT", "ESRCH")) return [];
      throw error;
    }
  });
  return { Titles: "UID PID PPID C STIME TTY TIME CMD".split(" "), Processes: rows };
}

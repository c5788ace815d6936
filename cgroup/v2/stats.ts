import { hasErrno } from "../../src/core/errors.ts";
import { join } from "../../src/core/join.ts";
import { countIn } from "../count.ts";
import type { V2Host } from "../host.ts";
import { keyed, keyedAll } from "../keyed.ts";
import { readFileIfAny } from "../processes.ts";
import type {
  BlockStats,
  CgroupStats,
  CgroupUsage,
  CpuStats,
  MemoryStats,
  MemoryUsage,
  PidsStats,
  PidsUsage,
  Pressure,
  PressureLine,
} from "../stats.ts";

type Read = (file: string) => string | undefined;

function cpu(read: Read): CpuStats | undefined {
  const text = read("cpu.stat");
  if (text === undefined) return undefined;
  const stat = keyedAll(text);
  const times = {
    usage: stat["usage_usec"] ?? 0,
    user: stat["user_usec"] ?? 0,
    system: stat["system_usec"] ?? 0,
  };
  const periods = stat["nr_periods"];
  if (periods === undefined) return times;
  const [throttled, time] = [stat["nr_throttled"] ?? 0, stat["throttled_usec"] ?? 0];
  return { ...times, throttling: { periods, throttled, time } };
}

function memoryUsage(read: Read): MemoryUsage | undefined {
  const current = countIn(read("memory.current"));
  if (current === undefined) return undefined;
  const counters = keyedAll(read("memory.stat") ?? "");
  return {
    current,
    limit: countIn(read("memory.max")),
    anonymous: counters["anon"] ?? 0,
    cache: counters["file"] ?? 0,
    inactiveFile: counters["inactive_file"] ?? 0,
    counters,
  };
}

function memory(read: Read): MemoryStats | undefined {
  const usage = memoryUsage(read);
  if (usage === undefined) return undefined;
  const events = keyedAll(read("memory.events") ?? "");
  return {
    ...usage,
    peak: countIn(read("memory.peak")),
    swap: countIn(read("memory.swap.current")),
    limitHits: events["max"] ?? 0,
    oomKills: events["oom_kill"] ?? 0,
    events,
  };
}

function pidsUsage(read: Read): PidsUsage | undefined {
  const current = countIn(read("pids.current"));
  return current === undefined ? undefined : { current, limit: countIn(read("pids.max")) };
}

function pids(read: Read): PidsStats | undefined {
  const usage = pidsUsage(read);
  return usage === undefined ? undefined : { ...usage, limitHits: keyed(read("pids.events"), "max") ?? 0 };
}

/** io.stat: `8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6`, a line a device. */
function parseIoStat(text: string): BlockStats[] {
  return text.split("\n").flatMap((line) => {
    const [, major, minor, rest] = /^(\d+):(\d+) (.*)$/.exec(line) ?? [];
    if (rest === undefined) return [];
    const values = new Map(rest.split(" ").map((pair) => pair.split("=") as [string, string]));
    const value = (key: string): number => Number(values.get(key) ?? 0);
    return {
      major: Number(major),
      minor: Number(minor),
      readBytes: value("rbytes"),
      writeBytes: value("wbytes"),
      readOps: value("rios"),
      writeOps: value("wios"),
    };
  });
}

/** `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`, and the same of `full`. */
export function parsePressure(text: string | undefined): Pressure | undefined {
  if (text === undefined) return undefined;
  const line = (name: string): PressureLine | undefined => {
    const fields = new RegExp(`^${name} avg10=(\\S+) avg60=(\\S+) avg300=(\\S+) total=(\\d+)$`, "m").exec(
      text,
    );
    if (fields === null) return undefined;
    const [, avg10, avg60, avg300, total] = fields.map(Number);
    return { avg10: avg10 ?? 0, avg60: avg60 ?? 0, avg300: avg300 ?? 0, total: total ?? 0 };
  };
  return { some: line("some"), full: line("full") };
}

/** Where pressure is switched off, the files are there, and to open them fails. */
function pressure(read: Read, file: string): Pressure | undefined {
  try {
    return parsePressure(read(file));
  } catch (error) {
    if (hasErrno(error, "EOPNOTSUPP")) return undefined;
    throw error;
  }
}

function block(read: Read): BlockStats[] | undefined {
  const io = read("io.stat");
  return io === undefined ? undefined : parseIoStat(io);
}

export function readV2Usage(host: V2Host, path: string): CgroupUsage {
  const read: Read = (file) => readFileIfAny(join(host.root, path, file));
  return { cpu: cpu(read), memory: memoryUsage(read), pids: pidsUsage(read), block: block(read) };
}

export function readV2Stats(host: V2Host, path: string): CgroupStats {
  const read: Read = (file) => readFileIfAny(join(host.root, path, file));
  const [cpuPressure, memoryPressure, io] = ["cpu", "memory", "io"].map((name) =>
    pressure(read, `${name}.pressure`),
  );
  const waits = { cpu: cpuPressure, memory: memoryPressure, io };
  return {
    cpu: cpu(read),
    memory: memory(read),
    pids: pids(read),
    block: block(read),
    pressure: Object.values(waits).some((one) => one !== undefined) ? waits : undefined,
  };
}

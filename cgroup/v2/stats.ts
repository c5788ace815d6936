import { join } from "../../src/core/join.ts";
import type { V2Host } from "../host.ts";
import { keyed } from "../keyed.ts";
import { readFileIfAny } from "../processes.ts";
import type { BlockStats, CgroupStats, CpuStats, MemoryStats, PidsStats } from "../stats.ts";

type Read = (file: string) => string | undefined;

/** A file with one number, or `max` for none. */
function number(text: string | undefined): number | undefined {
  return text === undefined || text.trim() === "max" ? undefined : Number(text);
}

function cpu(read: Read): CpuStats | undefined {
  const stat = read("cpu.stat");
  if (stat === undefined) return undefined;
  const usage = keyed(stat, "usage_usec") ?? 0;
  const times = { usage, user: keyed(stat, "user_usec") ?? 0, system: keyed(stat, "system_usec") ?? 0 };
  const periods = keyed(stat, "nr_periods");
  if (periods === undefined) return times;
  const [throttled, time] = [keyed(stat, "nr_throttled") ?? 0, keyed(stat, "throttled_usec") ?? 0];
  return { ...times, throttling: { periods, throttled, time } };
}

function memory(read: Read): MemoryStats | undefined {
  const current = number(read("memory.current"));
  if (current === undefined) return undefined;
  const [stat, events] = [read("memory.stat"), read("memory.events")];
  return {
    current,
    peak: number(read("memory.peak")),
    limit: number(read("memory.max")),
    anonymous: keyed(stat, "anon") ?? 0,
    cache: keyed(stat, "file") ?? 0,
    inactiveFile: keyed(stat, "inactive_file") ?? 0,
    swap: number(read("memory.swap.current")),
    limitHits: keyed(events, "max") ?? 0,
    oomKills: keyed(events, "oom_kill") ?? 0,
  };
}

function pids(read: Read): PidsStats | undefined {
  const current = number(read("pids.current"));
  if (current === undefined) return undefined;
  return { current, limit: number(read("pids.max")), limitHits: keyed(read("pids.events"), "max") ?? 0 };
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

export function readV2Stats(host: V2Host, path: string): CgroupStats {
  const read: Read = (file) => readFileIfAny(join(host.root, path, file));
  const io = read("io.stat");
  return {
    cpu: cpu(read),
    memory: memory(read),
    pids: pids(read),
    block: io === undefined ? undefined : parseIoStat(io),
  };
}

import { existsSync } from "node:fs";
import { join } from "../../src/core/join.ts";
import { countIn, unlimited } from "../count.ts";
import type { V1Host } from "../host.ts";
import { keyed, keyedAll } from "../keyed.ts";
import { directoryFor } from "../place.ts";
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
} from "../stats.ts";

type Read = (controller: string, file: string) => string | undefined;

const nanosecondsPerMicrosecond = 1000;
/** cpuacct.stat counts in USER_HZ, 100 a second on every machine. */
const microsecondsPerTick = 10_000;

function cpu(read: Read): CpuStats | undefined {
  const total = read("cpuacct", "cpuacct.usage");
  if (total === undefined) return undefined;
  const split = keyedAll(read("cpuacct", "cpuacct.stat") ?? "");
  const times = {
    usage: Math.floor(Number(total) / nanosecondsPerMicrosecond),
    user: (split["user"] ?? 0) * microsecondsPerTick,
    system: (split["system"] ?? 0) * microsecondsPerTick,
  };
  const stat = keyedAll(read("cpu", "cpu.stat") ?? "");
  const periods = stat["nr_periods"];
  if (periods === undefined) return times;
  const time = Math.floor((stat["throttled_time"] ?? 0) / nanosecondsPerMicrosecond);
  return { ...times, throttling: { periods, throttled: stat["nr_throttled"] ?? 0, time } };
}

/** The limit is that of the whole path, which memory.stat tells too: a file less to read. */
function memoryUsage(read: Read): MemoryUsage | undefined {
  const current = countIn(read("memory", "memory.usage_in_bytes"));
  if (current === undefined) return undefined;
  const counters = keyedAll(read("memory", "memory.stat") ?? "");
  const limit = counters["hierarchical_memory_limit"];
  return {
    current,
    limit: limit === undefined || limit >= unlimited ? undefined : limit,
    anonymous: counters["total_rss"] ?? 0,
    cache: counters["total_cache"] ?? 0,
    inactiveFile: counters["total_inactive_file"] ?? 0,
    counters,
  };
}

function memory(read: Read): MemoryStats | undefined {
  const usage = memoryUsage(read);
  if (usage === undefined) return undefined;
  return {
    ...usage,
    peak: countIn(read("memory", "memory.max_usage_in_bytes")),
    swap: usage.counters["total_swap"],
    limitHits: countIn(read("memory", "memory.failcnt")) ?? 0,
    oomKills: keyed(read("memory", "memory.oom_control"), "oom_kill") ?? 0,
    events: undefined,
  };
}

function pidsUsage(read: Read): PidsUsage | undefined {
  const current = countIn(read("pids", "pids.current"));
  return current === undefined ? undefined : { current, limit: countIn(read("pids", "pids.max")) };
}

function pids(read: Read): PidsStats | undefined {
  const usage = pidsUsage(read);
  if (usage === undefined) return undefined;
  return { ...usage, limitHits: keyed(read("pids", "pids.events"), "max") ?? 0 };
}

/** `8:0 Read 4096`, a line a device and kind: adds each to the value that `place` names for its kind. */
function addUp(
  devices: Map<string, BlockStats>,
  text: string | undefined,
  place: Readonly<Record<string, keyof BlockStats>>,
): void {
  for (const line of (text ?? "").split("\n")) {
    const [, major, minor, kind = "", count] = /^(\d+):(\d+) (\w+) (\d+)$/.exec(line) ?? [];
    const key = place[kind];
    if (key === undefined) continue;
    const none = { readBytes: 0, writeBytes: 0, readOps: 0, writeOps: 0 };
    const device = devices.get(`${major}:${minor}`) ?? {
      major: Number(major),
      minor: Number(minor),
      ...none,
    };
    devices.set(`${major}:${minor}`, { ...device, [key]: device[key] + Number(count) });
  }
}

function block(host: V1Host, path: string, read: Read): BlockStats[] | undefined {
  const directory = directoryFor(host, "blkio", path);
  // Mostly it is in no cgroup there, and to find that out by reading costs five times as much.
  if (directory === undefined || !existsSync(directory)) return undefined;
  const bytes = read("blkio", "blkio.throttle.io_service_bytes");
  if (bytes === undefined) return undefined;
  const devices = new Map<string, BlockStats>();
  addUp(devices, bytes, { Read: "readBytes", Write: "writeBytes" });
  addUp(devices, read("blkio", "blkio.throttle.io_serviced"), { Read: "readOps", Write: "writeOps" });
  return [...devices.values()];
}

/** Reads a file of the container's cgroup in the hierarchy of a controller that it is in. */
function reader(host: V1Host, path: string): Read {
  return (controller, file) => {
    const directory = directoryFor(host, controller, path);
    return directory === undefined ? undefined : readFileIfAny(join(directory, file));
  };
}

export function readV1Usage(host: V1Host, path: string): CgroupUsage {
  const read = reader(host, path);
  return { cpu: cpu(read), memory: memoryUsage(read), pids: pidsUsage(read), block: block(host, path, read) };
}

export function readV1Stats(host: V1Host, path: string): CgroupStats {
  const read = reader(host, path);
  return {
    cpu: cpu(read),
    memory: memory(read),
    pids: pids(read),
    block: block(host, path, read),
    pressure: undefined,
  };
}

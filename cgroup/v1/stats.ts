import { join } from "../../src/core/join.ts";
import type { V1Host } from "../host.ts";
import { keyed } from "../keyed.ts";
import { directoryFor } from "../place.ts";
import { readFileIfAny } from "../processes.ts";
import type { BlockStats, CgroupStats, CpuStats, MemoryStats, PidsStats } from "../stats.ts";

type Read = (controller: string, file: string) => string | undefined;

/** PAGE_COUNTER_MAX in bytes, less a page or so: what v1 shows for "not limited". */
const unlimited = 2 ** 62;
const nanosecondsPerMicrosecond = 1000;

function number(text: string | undefined): number | undefined {
  const value = text === undefined || text.trim() === "max" ? undefined : Number(text);
  return value === undefined || value >= unlimited ? undefined : value;
}

function cpu(read: Read): CpuStats | undefined {
  const micro = (file: string): number =>
    Math.floor((number(read("cpuacct", file)) ?? 0) / nanosecondsPerMicrosecond);
  if (read("cpuacct", "cpuacct.usage") === undefined) return undefined;
  const times = {
    usage: micro("cpuacct.usage"),
    user: micro("cpuacct.usage_user"),
    system: micro("cpuacct.usage_sys"),
  };
  const stat = read("cpu", "cpu.stat");
  const periods = keyed(stat, "nr_periods");
  if (periods === undefined) return times;
  const time = Math.floor((keyed(stat, "throttled_time") ?? 0) / nanosecondsPerMicrosecond);
  return { ...times, throttling: { periods, throttled: keyed(stat, "nr_throttled") ?? 0, time } };
}

function memory(readAny: Read): MemoryStats | undefined {
  const read = (file: string): string | undefined => readAny("memory", `memory.${file}`);
  const current = number(read("usage_in_bytes"));
  if (current === undefined) return undefined;
  const stat = read("stat");
  return {
    current,
    peak: number(read("max_usage_in_bytes")),
    limit: number(read("limit_in_bytes")),
    anonymous: keyed(stat, "total_rss") ?? 0,
    cache: keyed(stat, "total_cache") ?? 0,
    inactiveFile: keyed(stat, "total_inactive_file") ?? 0,
    swap: keyed(stat, "total_swap"),
    limitHits: number(read("failcnt")) ?? 0,
    oomKills: keyed(read("oom_control"), "oom_kill") ?? 0,
  };
}

function pids(read: Read): PidsStats | undefined {
  const current = number(read("pids", "pids.current"));
  if (current === undefined) return undefined;
  const limitHits = keyed(read("pids", "pids.events"), "max") ?? 0;
  return { current, limit: number(read("pids", "pids.max")), limitHits };
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

function block(read: Read): BlockStats[] | undefined {
  const bytes = read("blkio", "blkio.throttle.io_service_bytes");
  if (bytes === undefined) return undefined;
  const devices = new Map<string, BlockStats>();
  addUp(devices, bytes, { Read: "readBytes", Write: "writeBytes" });
  addUp(devices, read("blkio", "blkio.throttle.io_serviced"), { Read: "readOps", Write: "writeOps" });
  return [...devices.values()];
}

export function readV1Stats(host: V1Host, path: string): CgroupStats {
  const read: Read = (controller, file) => {
    const directory = directoryFor(host, controller, path);
    return directory === undefined ? undefined : readFileIfAny(join(directory, file));
  };
  return { cpu: cpu(read), memory: memory(read), pids: pids(read), block: block(read) };
}

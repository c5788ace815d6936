import { join } from "../../src/core/join.ts";
import { countIn } from "../count.ts";
import type { V1Host } from "../host.ts";
import { hugePageRows } from "../huge-pages.ts";
import type { LimitInForce } from "../in-force.ts";
import { keyed } from "../keyed.ts";
import { cpuSetRows, processRows, weightRows } from "../limit-rows.ts";
import { directoryFor } from "../place.ts";
import { readFileIfAny } from "../processes.ts";

type Read = (controller: string, file: string) => string | undefined;

function memoryLimits(read: Read): LimitInForce[] {
  const memory = (file: string): number | undefined => countIn(read("memory", file));
  const used = memory("memory.usage_in_bytes");
  if (used === undefined) return [];
  const found: LimitInForce[] = [
    {
      ...{ name: "memory", option: "--memory", file: "memory.limit_in_bytes", unit: "bytes", used },
      limit: memory("memory.limit_in_bytes"),
      hits: [
        { what: "times reached", count: memory("memory.failcnt") ?? 0 },
        { what: "processes killed", count: keyed(read("memory", "memory.oom_control"), "oom_kill") ?? 0 },
      ],
    },
  ];
  const soft = memory("memory.soft_limit_in_bytes");
  if (soft !== undefined) {
    const file = "memory.soft_limit_in_bytes";
    const of = { name: "memory kept for it", option: "--memory-reservation", file, unit: "bytes" } as const;
    found.push({ ...of, used, limit: soft, hits: [] });
  }
  const both = memory("memory.memsw.limit_in_bytes");
  if (both !== undefined) {
    const file = "memory.memsw.limit_in_bytes";
    found.push({
      ...{ name: "memory and swap", option: "--memory-swap", file, unit: "bytes", limit: both },
      used: memory("memory.memsw.usage_in_bytes"),
      hits: [{ what: "times reached", count: memory("memory.memsw.failcnt") ?? 0 }],
    });
  }
  const swappiness = memory("memory.swappiness");
  // As gladly as everything on this host is no limit.
  if (swappiness !== undefined && swappiness !== countIn(readFileIfAny("/proc/sys/vm/swappiness"))) {
    const of = { name: "swappiness", option: "--memory-swappiness", file: "memory.swappiness" };
    found.push({ ...of, unit: "weight", limit: swappiness, hits: [] });
  }
  return found;
}

function cpuLimits(read: Read): LimitInForce[] {
  const quota = countIn(read("cpu", "cpu.cfs_quota_us"));
  const period = countIn(read("cpu", "cpu.cfs_period_us"));
  const throttled = keyed(read("cpu", "cpu.stat"), "nr_throttled") ?? 0;
  const found: LimitInForce[] = [
    {
      ...{ name: "CPU time", option: "--cpus", file: "cpu.cfs_quota_us", unit: "CPUs" },
      limit: quota === undefined || quota < 0 ? undefined : quota / (period ?? 100_000),
      hits: [{ what: "periods cut short", count: throttled }],
    },
  ];
  const shares = countIn(read("cpu", "cpu.shares"));
  if (shares !== undefined && shares !== 1024) {
    const of = { name: "CPU weight", option: "--cpu-shares", file: "cpu.shares", unit: "weight" } as const;
    found.push({ ...of, limit: shares, hits: [] });
  }
  const realTime = countIn(read("cpu", "cpu.rt_runtime_us"));
  if (realTime !== undefined && realTime > 0) {
    const of = { name: "real-time CPU", option: "--cpu-rt-runtime", file: "cpu.rt_runtime_us" } as const;
    const every = countIn(read("cpu", "cpu.rt_period_us"));
    found.push({ ...of, unit: "list", limit: `${realTime} of ${every} us`, hits: [] });
  }
  return [...found, ...cpuSetRows((file) => read("cpuset", file))];
}

const rates = [
  ["read_bps", "read", "--device-read-bps", "bytes per second"],
  ["write_bps", "write", "--device-write-bps", "bytes per second"],
  ["read_iops", "read", "--device-read-iops", "operations per second"],
  ["write_iops", "write", "--device-write-iops", "operations per second"],
] as const;

function blockLimits(read: Read): LimitInForce[] {
  const found: LimitInForce[] = [];
  for (const [key, name, option, unit] of rates) {
    const file = `blkio.throttle.${key}_device`;
    for (const [, device = "", limit = ""] of (read("blkio", file) ?? "").matchAll(/^(\d+:\d+) (\d+)$/gm)) {
      found.push({ name: `${name} ${device}`, option, file, unit, limit: Number(limit), hits: [] });
    }
  }
  const files = ["blkio.bfq.weight", "blkio.bfq.weight_device", "blkio.weight", "blkio.weight_device"];
  return [...found, ...weightRows((file) => read("blkio", file), files)];
}

export function readV1InForce(host: V1Host, path: string): LimitInForce[] {
  const read: Read = (controller, file) => {
    const directory = directoryFor(host, controller, path);
    return directory === undefined ? undefined : readFileIfAny(join(directory, file));
  };
  const files = { most: "limit_in_bytes", used: "usage_in_bytes", hits: "failcnt" };
  const hugePages = hugePageRows((file) => read("hugetlb", file), files);
  const found = [...memoryLimits(read), ...hugePages, ...processRows((file) => read("pids", file))];
  return found.length === 0 ? [] : [...found, ...cpuLimits(read), ...blockLimits(read)];
}

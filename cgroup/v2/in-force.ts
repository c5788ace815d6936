import { join } from "../../src/core/join.ts";
import { countIn } from "../count.ts";
import type { V2Host } from "../host.ts";
import { hugePageRows } from "../huge-pages.ts";
import type { GivenLimits, LimitInForce } from "../in-force.ts";
import { cpuSetRows, hitsIn, processRows, type ReadFile, weightRows } from "../limit-rows.ts";
import { readFileIfAny } from "../processes.ts";

function memoryLimits(read: ReadFile, given: GivenLimits): LimitInForce[] {
  const used = countIn(read("memory.current"));
  if (used === undefined) return [];
  const events = read("memory.events");
  const found: LimitInForce[] = [
    {
      ...{ name: "memory", option: "--memory", file: "memory.max", unit: "bytes", used },
      limit: countIn(read("memory.max")),
      hits: hitsIn(events, { max: "times reached", oom_kill: "processes killed" }),
    },
  ];
  const inFile = countIn(read("memory.high"));
  // As high as the reservation it is where a supervisor waits to be told, until it is: see memory-watch.ts.
  const high = inFile === countIn(read("memory.low")) ? given.high : inFile;
  if (high !== undefined) {
    found.push({
      ...{ name: "memory, slowed above", option: "--memory-high", file: "memory.high", unit: "bytes", used },
      limit: high,
      hits: hitsIn(events, { high: "times slowed down" }),
    });
  }
  for (const [file, option, name] of [
    ["memory.low", "--memory-reservation", "memory kept for it"],
    ["memory.min", "--memory-min", "memory never taken"],
  ] as const) {
    const limit = countIn(read(file));
    if (limit === 0) continue;
    const gone = file === "memory.low" ? hitsIn(events, { low: "times taken from it all the same" }) : [];
    found.push({ name, option, file, unit: "bytes", limit, used, hits: gone });
  }
  if (read("memory.oom.group")?.trim() === "1") {
    const of = { name: "killed for memory", option: "--oom-group", file: "memory.oom.group" } as const;
    found.push({
      ...of,
      unit: "list",
      limit: "all or none",
      hits: hitsIn(events, { oom_group_kill: "times" }),
    });
  }
  const swapped = countIn(read("memory.swap.current"));
  if (swapped !== undefined) {
    found.push({
      ...{ name: "swap", option: "--memory-swap", file: "memory.swap.max", unit: "bytes", used: swapped },
      limit: countIn(read("memory.swap.max")),
      hits: hitsIn(read("memory.swap.events"), { max: "times reached" }),
    });
  }
  return found;
}

function cpuLimits(read: ReadFile): LimitInForce[] {
  const found: LimitInForce[] = [];
  const [quota, period] = (read("cpu.max") ?? "").trim().split(" ");
  if (quota !== undefined && quota !== "") {
    found.push({
      ...{ name: "CPU time", option: "--cpus", file: "cpu.max", unit: "CPUs" },
      limit: quota === "max" ? undefined : Number(quota) / Number(period),
      hits: hitsIn(read("cpu.stat"), { nr_throttled: "periods cut short" }),
    });
  }
  const weight = countIn(read("cpu.weight"));
  if (weight !== undefined && weight !== 100) {
    const of = { name: "CPU weight", option: "--cpu-shares", file: "cpu.weight", unit: "weight" } as const;
    found.push({ ...of, limit: weight, hits: [] });
  }
  return [...found, ...cpuSetRows(read)];
}

const rates = {
  rbps: { name: "read", option: "--device-read-bps", unit: "bytes per second" },
  wbps: { name: "write", option: "--device-write-bps", unit: "bytes per second" },
  riops: { name: "read", option: "--device-read-iops", unit: "operations per second" },
  wiops: { name: "write", option: "--device-write-iops", unit: "operations per second" },
} as const;

/** io.max: `8:0 rbps=1048576 wbps=max riops=max wiops=max`, a line a device. */
function blockLimits(read: ReadFile): LimitInForce[] {
  const found: LimitInForce[] = [];
  for (const [, device = "", values = ""] of (read("io.max") ?? "").matchAll(/^(\d+:\d+) (.*)$/gm)) {
    for (const [key, { name, option, unit }] of Object.entries(rates)) {
      const limit = new RegExp(`\\b${key}=(\\d+)`).exec(values)?.[1];
      if (limit === undefined) continue;
      found.push({ name: `${name} ${device}`, option, file: "io.max", unit, limit: Number(limit), hits: [] });
    }
  }
  return [...found, ...weightRows(read, ["io.bfq.weight", "io.weight"])];
}

export function readV2InForce(host: V2Host, path: string, given: GivenLimits): LimitInForce[] {
  const read: ReadFile = (file) => readFileIfAny(join(host.root, path, file));
  const files = { most: "max", used: "current", hits: "events" };
  return [
    ...memoryLimits(read, given),
    ...hugePageRows(read, files),
    ...processRows(read),
    ...cpuLimits(read),
    ...blockLimits(read),
  ];
}

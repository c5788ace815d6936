import { join } from "../../src/core/join.ts";
import type { V2Host } from "../host.ts";
import type { LimitHits, LimitInForce } from "../in-force.ts";
import { keyed } from "../keyed.ts";
import { readFileIfAny } from "../processes.ts";

type Read = (file: string) => string | undefined;

/** A file with one number, or `max` for none. */
function number(text: string | undefined): number | undefined {
  return text === undefined || text.trim() === "max" ? undefined : Number(text);
}

/** Counters of a file `key number` a line, under names of what they count. */
function hits(text: string | undefined, names: Readonly<Record<string, string>>): LimitHits[] {
  return Object.entries(names).map(([key, what]) => ({ what, count: keyed(text, key) ?? 0 }));
}

function memoryLimits(read: Read): LimitInForce[] {
  const used = number(read("memory.current"));
  if (used === undefined) return [];
  const events = read("memory.events");
  const found: LimitInForce[] = [
    {
      ...{ name: "memory", option: "--memory", file: "memory.max", unit: "bytes", used },
      limit: number(read("memory.max")),
      hits: hits(events, { max: "times reached", oom_kill: "processes killed" }),
    },
  ];
  const high = number(read("memory.high"));
  // As high as the reservation it is where a supervisor waits to be told, until it is: see memory-watch.ts.
  if (high !== undefined && high !== number(read("memory.low"))) {
    found.push({
      ...{ name: "memory, slowed above", option: "memory.high", file: "memory.high", unit: "bytes", used },
      limit: high,
      hits: hits(events, { high: "times slowed down" }),
    });
  }
  for (const [file, option, name] of [
    ["memory.low", "--memory-reservation", "memory kept for it"],
    ["memory.min", "memory.min", "memory never taken"],
  ] as const) {
    const limit = number(read(file));
    if (limit === 0) continue;
    const gone = file === "memory.low" ? hits(events, { low: "times taken from it all the same" }) : [];
    found.push({ name, option, file, unit: "bytes", limit, used, hits: gone });
  }
  const swapped = number(read("memory.swap.current"));
  if (swapped !== undefined) {
    found.push({
      ...{ name: "swap", option: "--memory-swap", file: "memory.swap.max", unit: "bytes", used: swapped },
      limit: number(read("memory.swap.max")),
      hits: hits(read("memory.swap.events"), { max: "times reached" }),
    });
  }
  return found;
}

function cpuLimits(read: Read): LimitInForce[] {
  const found: LimitInForce[] = [];
  const [quota, period] = (read("cpu.max") ?? "").trim().split(" ");
  if (quota !== undefined && quota !== "") {
    found.push({
      ...{ name: "CPU time", option: "--cpus", file: "cpu.max", unit: "CPUs" },
      limit: quota === "max" ? undefined : Number(quota) / Number(period),
      hits: hits(read("cpu.stat"), { nr_throttled: "periods cut short" }),
    });
  }
  const weight = number(read("cpu.weight"));
  if (weight !== undefined && weight !== 100) {
    const of = { name: "CPU weight", option: "--cpu-shares", file: "cpu.weight", unit: "weight" } as const;
    found.push({ ...of, limit: weight, hits: [] });
  }
  for (const [file, option, name] of [
    ["cpuset.cpus", "--cpuset-cpus", "CPUs"],
    ["cpuset.mems", "--cpuset-mems", "memory nodes"],
  ] as const) {
    const list = read(file)?.trim() ?? "";
    if (list !== "") found.push({ name, option, file, unit: "list", limit: list, hits: [] });
  }
  return found;
}

const rates = {
  rbps: { name: "read", option: "--device-read-bps", unit: "bytes per second" },
  wbps: { name: "write", option: "--device-write-bps", unit: "bytes per second" },
  riops: { name: "read", option: "--device-read-iops", unit: "operations per second" },
  wiops: { name: "write", option: "--device-write-iops", unit: "operations per second" },
} as const;

/** io.max: `8:0 rbps=1048576 wbps=max riops=max wiops=max`, a line a device. */
function blockLimits(read: Read): LimitInForce[] {
  const found: LimitInForce[] = [];
  for (const [, device = "", values = ""] of (read("io.max") ?? "").matchAll(/^(\d+:\d+) (.*)$/gm)) {
    for (const [key, { name, option, unit }] of Object.entries(rates)) {
      const limit = new RegExp(`\\b${key}=(\\d+)`).exec(values)?.[1];
      if (limit === undefined) continue;
      found.push({ name: `${name} ${device}`, option, file: "io.max", unit, limit: Number(limit), hits: [] });
    }
  }
  const weight = /^default (\d+)$/m.exec(read("io.weight") ?? "")?.[1];
  if (weight !== undefined && weight !== "100") {
    const of = { name: "disk weight", option: "--blkio-weight", file: "io.weight", unit: "weight" } as const;
    found.push({ ...of, limit: Number(weight), hits: [] });
  }
  return found;
}

export function readV2InForce(host: V2Host, path: string): LimitInForce[] {
  const read: Read = (file) => readFileIfAny(join(host.root, path, file));
  const pids = number(read("pids.current"));
  const processes: LimitInForce[] =
    pids === undefined
      ? []
      : [
          {
            ...{ name: "processes", option: "--pids-limit", file: "pids.max", unit: "processes", used: pids },
            limit: number(read("pids.max")),
            hits: hits(read("pids.events"), { max: "forks refused" }),
          },
        ];
  return [...memoryLimits(read), ...processes, ...cpuLimits(read), ...blockLimits(read)];
}

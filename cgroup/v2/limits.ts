import type { OciResources } from "../../src/core/oci.ts";
import { CannotEnforceError } from "../cannot-enforce.ts";
import { weightOfShares } from "../cpu.ts";
import { hugePageLimits } from "../huge-pages.ts";
import { type Limit, limit } from "../limit.ts";
import { optionOf } from "../unified.ts";

const orMax = (value: number): string => (value < 0 ? "max" : String(value));

function memoryLimits(memory: NonNullable<OciResources["memory"]>): Limit[] {
  if (memory.disableOOMKiller === true) {
    throw new CannotEnforceError(
      "--oom-kill-disable",
      "cgroup v2 always lets the kernel kill when memory runs out",
    );
  }
  if (memory.swappiness !== undefined) {
    throw new CannotEnforceError(
      "--memory-swappiness",
      "cgroup v2 has none for a group: vm.swappiness of the host counts",
    );
  }
  const limits: Limit[] = [];
  const add = (option: string, file: string, value: string, reason: string): void => {
    limits.push(limit(option, "memory", file, value, reason));
  };
  if (memory.limit) add("--memory", "memory.max", orMax(memory.limit), "more memory than this is not given");
  if (memory.swap) {
    // The OCI document counts memory and swap together, v2 counts swap alone.
    const swap = memory.swap < 0 ? -1 : memory.swap - Math.max(memory.limit ?? 0, 0);
    add("--memory-swap", "memory.swap.max", orMax(swap), "swap beyond its memory");
  }
  if (memory.reservation) {
    const reason = "when memory is short, others give way before it goes below this";
    add("--memory-reservation", "memory.low", orMax(memory.reservation), reason);
  }
  return limits;
}

function cpuLimits(cpu: NonNullable<OciResources["cpu"]>): Limit[] {
  if (cpu.realtimeRuntime || cpu.realtimePeriod) {
    throw new CannotEnforceError("--cpu-rt-runtime", "cgroup v2 has no real-time budgets");
  }
  const limits: Limit[] = [];
  if (cpu.shares) {
    const weight = weightOfShares(cpu.shares);
    const reason = `its part of the CPUs when others want them too (${cpu.shares} shares)`;
    limits.push(limit("--cpu-shares", "cpu", "cpu.weight", weight, reason));
  }
  if (cpu.quota || cpu.period) {
    const value = `${orMax(cpu.quota || -1)}${cpu.period ? ` ${cpu.period}` : ""}`;
    limits.push(
      limit("--cpus", "cpu", "cpu.max", value, "CPU time per period in microseconds, then it waits"),
    );
  }
  if (cpu.cpus)
    limits.push(limit("--cpuset-cpus", "cpuset", "cpuset.cpus", cpu.cpus, "it runs on these CPUs only"));
  if (cpu.mems) {
    limits.push(
      limit("--cpuset-mems", "cpuset", "cpuset.mems", cpu.mems, "it has memory of these nodes only"),
    );
  }
  return limits;
}

function weightLimit(option: string, device: string, weight: number): Limit {
  return {
    controller: "io",
    option,
    reason: "its part of the disk when others want it too",
    // BFQ has the range of the OCI document, 10 to 1000; io.weight goes from 1 to 10000.
    targets: [
      { file: "io.bfq.weight", values: [`${device} ${weight}`] },
      { file: "io.weight", values: [`${device} ${1 + Math.floor(((weight - 10) * 9999) / 990)}`] },
    ],
  };
}

/** One line a device: a write of io.max keeps the values it does not name. */
function blockLimits(io: NonNullable<OciResources["blockIO"]>): Limit[] {
  const limits: Limit[] = [];
  if (io.weight) limits.push(weightLimit("--blkio-weight", "default", io.weight));
  for (const { major, minor, weight } of io.weightDevice ?? []) {
    limits.push(weightLimit("--blkio-weight-device", `${major}:${minor}`, weight));
  }
  for (const [option, key, rules] of [
    ["--device-read-bps", "rbps", io.throttleReadBpsDevice],
    ["--device-write-bps", "wbps", io.throttleWriteBpsDevice],
    ["--device-read-iops", "riops", io.throttleReadIOPSDevice],
    ["--device-write-iops", "wiops", io.throttleWriteIOPSDevice],
  ] as const) {
    for (const { major, minor, rate } of rules ?? []) {
      const value = `${major}:${minor} ${key}=${rate === 0 ? "max" : rate}`;
      limits.push(limit(option, "io", "io.max", value, "a slower disk for it alone"));
    }
  }
  return limits;
}

const reasons: ReadonlyMap<string, string> = new Map([
  ["memory.high", "above it, it is slowed down until memory has been taken back"],
  ["memory.min", "less than this is never taken from it"],
  ["memory.oom.group", "out of memory, all of its processes are killed together"],
]);

function reasonOf(file: string): string {
  return reasons.get(file) ?? "asked for by the file's own name";
}

/** The limits as files of cgroup v2. Device rules are apart: they are a program, not a file. */
export function v2Limits({ memory, cpu, pids, blockIO, hugepageLimits, unified }: OciResources): Limit[] {
  const limits: Limit[] = [];
  if (memory !== undefined) limits.push(...memoryLimits(memory));
  if (pids !== undefined) {
    limits.push(limit("--pids-limit", "pids", "pids.max", orMax(pids.limit || -1), "a fork bomb ends here"));
  }
  if (cpu !== undefined) limits.push(...cpuLimits(cpu));
  if (blockIO !== undefined) limits.push(...blockLimits(blockIO));
  limits.push(...hugePageLimits(hugepageLimits, "max"));
  for (const [file, value] of Object.entries(unified ?? {})) {
    limits.push(limit(optionOf(file), file.slice(0, file.indexOf(".")), file, value, reasonOf(file)));
  }
  return limits;
}

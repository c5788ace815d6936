import type { ResourcesBody } from "../../supervisor/translate/body.ts";
import type { Collected } from "./collect.ts";

const nanosecondsPerCpu = 1e9;

/** The limits that a container can be given at its creation and later. */
export function collectLimits(collected: Collected, body: ResourcesBody, where: string): void {
  const numbers = {
    memory: "Memory",
    "memory-reservation": "MemoryReservation",
    "memory-swap": "MemorySwap",
    "cpu-shares": "CpuShares",
    "cpu-quota": "CpuQuota",
    "cpu-period": "CpuPeriod",
    "cpu-rt-runtime": "CpuRealtimeRuntime",
    "cpu-rt-period": "CpuRealtimePeriod",
    "pids-limit": "PidsLimit",
    "blkio-weight": "BlkioWeight",
  } as const;
  for (const [flag, field] of Object.entries(numbers))
    collected.addNumber(flag, `${where}${field}`, body[field]);
  const cpus = body.NanoCpus ?? 0;
  if (cpus !== 0) collected.add("cpus", `${where}NanoCpus`, cpus / nanosecondsPerCpu);
  collected.add("cpuset-cpus", `${where}CpusetCpus`, body.CpusetCpus);
  collected.add("cpuset-mems", `${where}CpusetMems`, body.CpusetMems);
  // -1 is docker's word for that of the host.
  if (body.MemorySwappiness !== -1)
    collected.add("memory-swappiness", `${where}MemorySwappiness`, body.MemorySwappiness);
  collectDevices(collected, body, where);
}

/** The limits of single devices. */
function collectDevices(collected: Collected, body: ResourcesBody, where: string): void {
  for (const { Path, Weight } of body.BlkioWeightDevice ?? [])
    collected.add("blkio-weight-device", `${where}BlkioWeightDevice`, `${Path}:${Weight}`);
  const rates = {
    "device-read-bps": "BlkioDeviceReadBps",
    "device-write-bps": "BlkioDeviceWriteBps",
    "device-read-iops": "BlkioDeviceReadIOps",
    "device-write-iops": "BlkioDeviceWriteIOps",
  } as const;
  for (const [flag, field] of Object.entries(rates)) {
    for (const { Path, Rate } of body[field] ?? [])
      collected.add(flag, `${where}${field}`, `${Path}:${Rate}`);
  }
}

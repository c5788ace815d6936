import type { HostConfigBody, ResourcesBody } from "../../supervisor/translate/body.ts";
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
    "pids-limit": "PidsLimit",
    "blkio-weight": "BlkioWeight",
  } as const;
  for (const [flag, field] of Object.entries(numbers))
    collected.addNumber(flag, `${where}${field}`, body[field]);
  const cpus = body.NanoCpus ?? 0;
  if (cpus !== 0) collected.add("cpus", `${where}NanoCpus`, cpus / nanosecondsPerCpu);
  collected.add("cpuset-cpus", `${where}CpusetCpus`, body.CpusetCpus);
  collected.add("cpuset-mems", `${where}CpusetMems`, body.CpusetMems);
}

/** The limits of single devices. */
export function collectDevices(collected: Collected, host: HostConfigBody): void {
  for (const { Path, Weight } of host.BlkioWeightDevice ?? [])
    collected.add("blkio-weight-device", "HostConfig.BlkioWeightDevice", `${Path}:${Weight}`);
  const rates = {
    "device-read-bps": "BlkioDeviceReadBps",
    "device-write-bps": "BlkioDeviceWriteBps",
    "device-read-iops": "BlkioDeviceReadIOps",
    "device-write-iops": "BlkioDeviceWriteIOps",
  } as const;
  for (const [flag, field] of Object.entries(rates)) {
    for (const { Path, Rate } of host[field] ?? [])
      collected.add(flag, `HostConfig.${field}`, `${Path}:${Rate}`);
  }
}

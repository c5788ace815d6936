import type { OciResources, OciThrottleDevice } from "../../src/core/oci.ts";
import { hugePageLimits } from "../huge-pages.ts";
import { type Limit, limit } from "../limit.ts";

function memoryLimits(memory: NonNullable<OciResources["memory"]>): Limit[] {
  const limits: Limit[] = [];
  const add = (option: string, file: string, value: number, reason: string): void => {
    limits.push(limit(option, "memory", file, value, reason));
  };
  if (memory.limit)
    add("--memory", "memory.limit_in_bytes", memory.limit, "more memory than this is not given");
  // After the limit, which it must never be below.
  if (memory.swap) {
    add("--memory-swap", "memory.memsw.limit_in_bytes", memory.swap, "memory and swap together");
  }
  if (memory.reservation) {
    const reason = "when memory is short, usage is pushed back to this";
    add("--memory-reservation", "memory.soft_limit_in_bytes", memory.reservation, reason);
  }
  if (memory.swappiness !== undefined) {
    const reason = "how gladly its memory is swapped out";
    add("--memory-swappiness", "memory.swappiness", memory.swappiness, reason);
  }
  if (memory.disableOOMKiller === true) {
    add(
      "--oom-kill-disable",
      "memory.oom_control",
      1,
      "out of memory, processes wait instead of being killed",
    );
  }
  return limits;
}

function cpuLimits(cpu: NonNullable<OciResources["cpu"]>): Limit[] {
  const limits: Limit[] = [];
  const add = (
    option: string,
    controller: string,
    file: string,
    value: number | string,
    reason: string,
  ): void => {
    limits.push(limit(option, controller, file, value, reason));
  };
  if (cpu.shares) {
    const shares = Math.max(cpu.shares, 2);
    add("--cpu-shares", "cpu", "cpu.shares", shares, "its part of the CPUs when others want them too");
  }
  // Before the quota: the kernel judges both together.
  if (cpu.period)
    add("--cpu-period", "cpu", "cpu.cfs_period_us", cpu.period, "the quota is for each such period");
  if (cpu.quota) add("--cpus", "cpu", "cpu.cfs_quota_us", cpu.quota, "CPU time per period, then it waits");
  if (cpu.realtimePeriod) {
    add("--cpu-rt-period", "cpu", "cpu.rt_period_us", cpu.realtimePeriod, "period of the real-time budget");
  }
  if (cpu.realtimeRuntime !== undefined) {
    add("--cpu-rt-runtime", "cpu", "cpu.rt_runtime_us", cpu.realtimeRuntime, "real-time CPU time per period");
  }
  if (cpu.cpus) add("--cpuset-cpus", "cpuset", "cpuset.cpus", cpu.cpus, "it runs on these CPUs only");
  if (cpu.mems) add("--cpuset-mems", "cpuset", "cpuset.mems", cpu.mems, "it has memory of these nodes only");
  return limits;
}

function throttle(option: string, file: string, rules: readonly OciThrottleDevice[] | undefined): Limit[] {
  return (rules ?? []).map(({ major, minor, rate }) =>
    limit(
      option,
      "blkio",
      `blkio.throttle.${file}_device`,
      `${major}:${minor} ${rate}`,
      "a slower disk for it alone",
    ),
  );
}

function blockLimits(io: NonNullable<OciResources["blockIO"]>): Limit[] {
  const weights = [
    ...(io.weight ? [{ option: "--blkio-weight", suffix: "", value: String(io.weight) }] : []),
  ];
  for (const { major, minor, weight } of io.weightDevice ?? []) {
    weights.push({
      option: "--blkio-weight-device",
      suffix: "_device",
      value: `${major}:${minor} ${weight}`,
    });
  }
  return [
    ...weights.map(
      ({ option, suffix, value }): Limit => ({
        controller: "blkio",
        option,
        reason: "its part of the disk when others want it too",
        // BFQ's file, and CFQ's of kernels before 5.0.
        targets: [`blkio.bfq.weight${suffix}`, `blkio.weight${suffix}`].map((file) => ({
          file,
          values: [value],
        })),
      }),
    ),
    ...throttle("--device-read-bps", "read_bps", io.throttleReadBpsDevice),
    ...throttle("--device-write-bps", "write_bps", io.throttleWriteBpsDevice),
    ...throttle("--device-read-iops", "read_iops", io.throttleReadIOPSDevice),
    ...throttle("--device-write-iops", "write_iops", io.throttleWriteIOPSDevice),
  ];
}

/** The limits as files of cgroup v1, in an order that the kernel accepts on a fresh cgroup. Device rules are apart. */
export function v1Limits({ memory, cpu, pids, blockIO, hugepageLimits }: OciResources): Limit[] {
  const limits: Limit[] = [];
  if (memory !== undefined) limits.push(...memoryLimits(memory));
  if (pids !== undefined) {
    const value = pids.limit > 0 ? pids.limit : "max";
    limits.push(limit("--pids-limit", "pids", "pids.max", value, "a fork bomb ends here"));
  }
  if (cpu !== undefined) limits.push(...cpuLimits(cpu));
  if (blockIO !== undefined) limits.push(...blockLimits(blockIO));
  limits.push(...hugePageLimits(hugepageLimits, "limit_in_bytes"));
  return limits;
}

import { UsageError } from "../src/core/errors.ts";

const usualPeriod = 100_000;
const longestPeriod = 1_000_000;
/** min_cfs_quota_period of kernel/sched/core.c: the kernel takes no shorter quota. */
const shortestQuota = 1000;

/** CPU time in microseconds per period, as cpu.cfs_quota_us, cpu.cfs_period_us and cpu.max have it. */
export interface CpuQuota {
  readonly quota: number;
  readonly period: number;
}

/**
 * The quota of so many CPUs: 1.5 gives 150000 us every 100000 us. Below a hundredth of a CPU the period grows, because
 * the kernel takes no quota below 1000 us.
 * @throws UsageError for what is not a number of CPUs, or less than the kernel can divide: 0.001.
 */
export function quotaOfCpus(cpus: number): CpuQuota {
  const quota = Math.round(cpus * usualPeriod);
  if (quota >= shortestQuota && Number.isSafeInteger(quota)) return { quota, period: usualPeriod };
  const long = Math.round(cpus * longestPeriod);
  if (long >= shortestQuota && Number.isSafeInteger(long)) return { quota: long, period: longestPeriod };
  throw new UsageError(`--cpus: ${cpus}: expected a number of CPUs such as 0.5 or 2, at least 0.001`);
}

/**
 * cpu.weight (1 to 10000) of cpu.shares (2 to 262144), as runc and crun have long converted: linear, so 1024 gives 39
 * although 100 is what a cgroup has without any. Between containers that all name their shares the ratios hold.
 */
export function weightOfShares(shares: number): number {
  const clamped = Math.min(Math.max(shares, 2), 262144);
  return 1 + Math.floor(((clamped - 2) * 9999) / 262142);
}

import { UsageError } from "../src/core/errors.ts";
import type { OciResources } from "../src/core/oci.ts";
import { checkUnified, sizeIn } from "./unified.ts";

/** The kernel counts memory in pages: a limit below one page would be no memory at all. */
const pageSize = 4096;
/** PIDS_MAX of kernel/cgroup/pids.c on 64 bits. */
const maxPids = 4194304;

function expectRange(
  option: string,
  value: number | undefined,
  from: number,
  to: number,
  what: string,
): void {
  if (value === undefined || (Number.isInteger(value) && value >= from && value <= to)) return;
  throw new UsageError(`${option}: ${value}: expected ${what}`);
}

function expectList(option: string, value: string | undefined): void {
  if (value === undefined || value === "") return;
  const parts = value.split(",");
  const good = parts.every((part) => {
    const [, from, to] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part) ?? [];
    return from !== undefined && (to === undefined || Number(from) <= Number(to));
  });
  if (!good) throw new UsageError(`${option}: ${value}: expected numbers and ranges such as 0-3,6`);
}

function checkMemory(
  { limit, reservation, swap, swappiness }: NonNullable<OciResources["memory"]>,
  update: boolean,
): void {
  for (const [option, value] of [
    ["--memory", limit],
    ["--memory-reservation", reservation],
  ] as const) {
    if (value === undefined || value === -1 || value === 0) continue;
    expectRange(
      option,
      value,
      pageSize,
      Number.MAX_SAFE_INTEGER,
      `at least ${pageSize} bytes (one page), or -1`,
    );
  }
  expectRange("--memory-swap", swap, -1, Number.MAX_SAFE_INTEGER, "a size, or -1 for unlimited");
  expectRange("--memory-swappiness", swappiness, 0, 100, "0 to 100");
  const limited = limit !== undefined && limit > 0;
  if (limited && reservation !== undefined && reservation > limit) {
    throw new UsageError(`--memory-reservation: ${reservation}: expected at most --memory ${limit}`);
  }
  if (swap === undefined || swap <= 0) return;
  if (limited && swap < limit) {
    throw new UsageError(
      `--memory-swap: ${swap}: it is memory and swap together: expected at least --memory ${limit}`,
    );
  }
  if (!limited && !update)
    throw new UsageError(`--memory-swap: ${swap}: needs --memory: it is memory and swap together`);
}

function checkCpu(cpu: NonNullable<OciResources["cpu"]>): void {
  const { shares, quota, period, realtimeRuntime, realtimePeriod, cpus, mems } = cpu;
  expectRange("--cpu-shares", shares, 0, Number.MAX_SAFE_INTEGER, "a whole number from 2 to 262144");
  expectRange("--cpu-period", period || undefined, 1000, 1_000_000, "1000 to 1000000 microseconds");
  if (quota !== -1) {
    expectRange(
      "--cpu-quota",
      quota || undefined,
      1000,
      Number.MAX_SAFE_INTEGER,
      "at least 1000 microseconds, or -1",
    );
  }
  const most = realtimePeriod || 1_000_000;
  expectRange("--cpu-rt-period", realtimePeriod || undefined, 1, Number.MAX_SAFE_INTEGER, "microseconds");
  expectRange("--cpu-rt-runtime", realtimeRuntime, 0, most, `0 to its period of ${most} microseconds`);
  expectList("--cpuset-cpus", cpus);
  expectList("--cpuset-mems", mems);
}

function checkBlockIO(io: NonNullable<OciResources["blockIO"]>): void {
  const weights = "10 to 1000";
  expectRange("--blkio-weight", io.weight || undefined, 10, 1000, weights);
  for (const { weight } of io.weightDevice ?? [])
    expectRange("--blkio-weight-device", weight, 10, 1000, weights);
  for (const [option, rules] of [
    ["--device-read-bps", io.throttleReadBpsDevice],
    ["--device-write-bps", io.throttleWriteBpsDevice],
    ["--device-read-iops", io.throttleReadIOPSDevice],
    ["--device-write-iops", io.throttleWriteIOPSDevice],
  ] as const) {
    for (const { rate } of rules ?? [])
      expectRange(option, rate, 0, Number.MAX_SAFE_INTEGER, "a rate, or 0 for none");
  }
}

/** memory.high slows down what memory.low and memory.min protect, if it is below them. */
function checkOrder({ memory, unified }: OciResources): void {
  const high = sizeIn(unified?.["memory.high"]);
  const min = sizeIn(unified?.["memory.min"]);
  const { limit = 0, reservation = 0 } = memory ?? {};
  if (high !== undefined && high < reservation)
    throw new UsageError(`--memory-high: ${high}: expected at least --memory-reservation ${reservation}`);
  const [most, flag] = limit > 0 ? [limit, "--memory"] : [high, "--memory-high"];
  if (min !== undefined && most !== undefined && min > most)
    throw new UsageError(`--memory-min: ${min}: expected at most ${flag} ${most}`);
}

/**
 * Refuses limits that make no sense on any host. As in docker, 0 is "not limited" throughout, and -1 where the OCI
 * document says so.
 * @param update Limits of a running container: what is not named keeps its value.
 * @throws UsageError naming the option as docker calls it.
 */
export function checkResources(resources: OciResources, update = false): void {
  const { memory, cpu, pids, blockIO, unified } = resources;
  if (memory !== undefined) checkMemory(memory, update);
  if (cpu !== undefined) checkCpu(cpu);
  if (blockIO !== undefined) checkBlockIO(blockIO);
  expectRange("--pids-limit", pids?.limit, -1, maxPids, `1 to ${maxPids}, or -1 for unlimited`);
  for (const name of Object.keys(unified ?? {})) checkUnified(name);
  for (const { pageSize, limit } of resources.hugepageLimits ?? []) {
    if (!/^\d{1,4}[KMG]B$/.test(pageSize))
      throw new UsageError(`--hugetlb-limit: ${pageSize}: expected a size of huge pages such as 2MB`);
    expectRange("--hugetlb-limit", limit, -1, Number.MAX_SAFE_INTEGER, "a size, or -1 for unlimited");
  }
  checkOrder(resources);
}

import { UsageError } from "../src/core/errors.ts";

/** Files of cgroup v2 that have a flag of their own, by which they are asked for. */
const flagOf: ReadonlyMap<string, string> = new Map([
  ["memory.high", "--memory-high"],
  ["memory.min", "--memory-min"],
  ["memory.oom.group", "--oom-group"],
  ["memory.max", "--memory"],
  ["memory.low", "--memory-reservation"],
  ["memory.swap.max", "--memory-swap"],
  ["pids.max", "--pids-limit"],
  ["cpu.max", "--cpus"],
  ["cpu.weight", "--cpu-shares"],
  ["cpu.weight.nice", "--cpu-shares"],
  ["cpuset.cpus", "--cpuset-cpus"],
  ["cpuset.mems", "--cpuset-mems"],
  ["io.max", "--device-read-bps and the like"],
  ["io.weight", "--blkio-weight"],
  ["io.bfq.weight", "--blkio-weight"],
]);

/** What asks for a file of cgroup v2, as an error names it: `--memory-high`, or `--cgroup-conf io.latency`. */
export function optionOf(file: string): string {
  return flagOf.get(file) ?? `--cgroup-conf ${file}`;
}

/** The flag that sets this file, which nothing else may set; undefined for a file that no flag is for. */
export function ownFlagOf(file: string): string | undefined {
  return flagOf.get(file);
}

/**
 * Refuses a name that is no limit of a controller: only the file's own name, so that there is no way to another directory,
 * and none of `cgroup.*`, by which processes are moved, frozen and killed.
 * @throws UsageError
 */
export function checkUnified(file: string): void {
  if (/^(?!cgroup\.)[a-z0-9_]+(\.[a-zA-Z0-9_-]+)+$/.test(file)) return;
  throw new UsageError(`--cgroup-conf: ${file}: expected the name of a cgroup v2 file such as io.latency`);
}

/** A size in a file of cgroup v2; undefined where there is none: `max`, no file. */
export function sizeIn(value: string | undefined): number | undefined {
  return value === undefined || !/^\d+$/.test(value) ? undefined : Number(value);
}

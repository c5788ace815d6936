import type { CgroupHost } from "./host.ts";
import { checkPath } from "./place.ts";
import { readV1Stats, readV1Usage } from "./v1/stats.ts";
import { readV2Stats, readV2Usage } from "./v2/stats.ts";

/** CPU time in microseconds since the container began. */
export interface CpuStats {
  readonly usage: number;
  readonly user: number;
  readonly system: number;
  /** Present where the cpu controller counts: quota periods gone by, those in which it ran out, and the time waited. */
  readonly throttling?: { readonly periods: number; readonly throttled: number; readonly time: number };
}

/** Memory in bytes. */
export interface MemoryUsage {
  readonly current: number;
  /** Undefined: not limited. */
  readonly limit: number | undefined;
  /** Memory of the programs themselves (rss). */
  readonly anonymous: number;
  readonly cache: number;
  /** The part of the cache that is given up first; `docker stats` leaves it out of usage. */
  readonly inactiveFile: number;
  /** memory.stat as the kernel has it. */
  readonly counters: Readonly<Record<string, number>>;
}

export interface MemoryStats extends MemoryUsage {
  /** Undefined on kernels that do not count it (v2 before 5.19). */
  readonly peak: number | undefined;
  readonly swap: number | undefined;
  /** How often the limit was hit. */
  readonly limitHits: number;
  readonly oomKills: number;
  /** v2: memory.events as the kernel has it; `high` counts crossings of the soft limit. */
  readonly events: Readonly<Record<string, number>> | undefined;
}

export interface PidsUsage {
  readonly current: number;
  readonly limit: number | undefined;
}

export interface PidsStats extends PidsUsage {
  /** How often a fork was refused. */
  readonly limitHits: number;
}

/** Bytes and operations on one block device. */
export interface BlockStats {
  readonly major: number;
  readonly minor: number;
  readonly readBytes: number;
  readonly writeBytes: number;
  readonly readOps: number;
  readonly writeOps: number;
}

/** What a container uses; a part is undefined when its controller does not count for it. */
export interface CgroupUsage {
  readonly cpu: CpuStats | undefined;
  readonly memory: MemoryUsage | undefined;
  readonly pids: PidsUsage | undefined;
  readonly block: readonly BlockStats[] | undefined;
}

/**
 * How much of the last 10, 60 and 300 seconds some process, or every one, waited for a resource, in percent; `total` in
 * microseconds (Documentation/accounting/psi.rst).
 */
export interface Pressure {
  readonly some: PressureLine | undefined;
  readonly full: PressureLine | undefined;
}

export interface PressureLine {
  readonly avg10: number;
  readonly avg60: number;
  readonly avg300: number;
  readonly total: number;
}

/** {@link CgroupUsage} with everything else that is counted. */
export interface CgroupStats extends CgroupUsage {
  readonly memory: MemoryStats | undefined;
  readonly pids: PidsStats | undefined;
  /** v2 on kernels with pressure stall information. */
  readonly pressure: Readonly<Record<"cpu" | "memory" | "io", Pressure | undefined>> | undefined;
}

/** Reads what a container uses now, and what it met. Of a cgroup that is gone, everything is undefined. */
export function readStats(host: CgroupHost, path: string): CgroupStats {
  checkPath(path);
  return host.driver === "v2" ? readV2Stats(host, path) : readV1Stats(host, path);
}

/** The part of {@link readStats} that changes all the time, by as few files as can be: for looking again and again. */
export function readUsage(host: CgroupHost, path: string): CgroupUsage {
  checkPath(path);
  return host.driver === "v2" ? readV2Usage(host, path) : readV1Usage(host, path);
}

import type { CgroupHost } from "./host.ts";
import { checkPath } from "./place.ts";
import { readV1Stats } from "./v1/stats.ts";
import { readV2Stats } from "./v2/stats.ts";

/** CPU time in microseconds since the container began. */
export interface CpuStats {
  readonly usage: number;
  readonly user: number;
  readonly system: number;
  /** Present where the cpu controller counts: quota periods gone by, those in which it ran out, and the time waited. */
  readonly throttling?: { readonly periods: number; readonly throttled: number; readonly time: number };
}

/** Memory in bytes. */
export interface MemoryStats {
  readonly current: number;
  /** Undefined on kernels that do not count it (v2 before 5.19). */
  readonly peak: number | undefined;
  /** Undefined: not limited. */
  readonly limit: number | undefined;
  /** Memory of the programs themselves (rss). */
  readonly anonymous: number;
  readonly cache: number;
  /** The part of the cache that is given up first; `docker stats` leaves it out of usage. */
  readonly inactiveFile: number;
  readonly swap: number | undefined;
  /** How often the limit was hit. */
  readonly limitHits: number;
  readonly oomKills: number;
}

export interface PidsStats {
  readonly current: number;
  readonly limit: number | undefined;
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
export interface CgroupStats {
  readonly cpu: CpuStats | undefined;
  readonly memory: MemoryStats | undefined;
  readonly pids: PidsStats | undefined;
  readonly block: readonly BlockStats[] | undefined;
}

/** Reads what a container uses now. Of a cgroup that is gone, everything is undefined. */
export function readStats(host: CgroupHost, path: string): CgroupStats {
  checkPath(path);
  return host.driver === "v2" ? readV2Stats(host, path) : readV1Stats(host, path);
}

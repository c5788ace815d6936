import type { CgroupHost } from "./host.ts";
import { checkPath } from "./place.ts";
import { readV1InForce } from "./v1/in-force.ts";
import { readV2InForce } from "./v2/in-force.ts";

/** How often the kernel has had to act on a limit, and what it did: `forks refused`. */
export interface LimitHits {
  readonly what: string;
  readonly count: number;
}

/** One limit as the kernel has it now. */
export interface LimitInForce {
  /** `memory`, `processes`, `CPU time`. */
  readonly name: string;
  /** The flag that sets it. */
  readonly option: string;
  /** The file that holds it, in the container's cgroup. */
  readonly file: string;
  readonly unit:
    | "bytes"
    | "bytes per second"
    | "operations per second"
    | "processes"
    | "CPUs"
    | "weight"
    | "list";
  /** Undefined: there is none. */
  readonly limit: number | string | undefined;
  /** In the same unit; undefined where nothing of this kind is counted. */
  readonly used?: number | undefined;
  readonly hits: readonly LimitHits[];
}

/** What the container was given, where its files may say something else. */
export interface GivenLimits {
  /** memory.high, while a supervisor has a tripwire there (v2/memory-watch.ts). */
  readonly high?: number | undefined;
}

/**
 * The limits of a container as its cgroup has them: those of memory, processes and CPU time always, others where they
 * are set. How much CPU is used shows only between two looks: `used` of it is left out. Empty when the cgroup is gone.
 */
export function readInForce(host: CgroupHost, path: string, given: GivenLimits = {}): LimitInForce[] {
  checkPath(path);
  return host.driver === "v2" ? readV2InForce(host, path, given) : readV1InForce(host, path);
}

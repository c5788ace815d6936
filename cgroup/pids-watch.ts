import { existsSync } from "node:fs";
import { join } from "../src/core/join.ts";
import { watchPath } from "../src/sys/path-watch.ts";
import { countIn } from "./count.ts";
import type { CgroupHost } from "./host.ts";
import { keyed } from "./keyed.ts";
import { lookNowAndThen } from "./look.ts";
import { checkPath, directoryFor } from "./place.ts";
import { readFileIfAny } from "./processes.ts";

/** Forks that a limit of processes has refused, in all, and that limit; undefined: it is not its own. */
export interface RefusedForks {
  readonly count: number;
  readonly limit: number | undefined;
}

/**
 * Calls `refused` with how many forks pids.max has refused so far, whenever there are more: on v2 as the kernel tells it,
 * on v1 within two seconds. The answer ends it; undefined for a container whose processes are not counted.
 * @param known How many were told already: more than these are told at once. Undefined: all so far.
 */
export function watchForks(
  host: CgroupHost,
  path: string,
  refused: (forks: RefusedForks) => void,
  known?: number,
): (() => void) | undefined {
  checkPath(path);
  const directory =
    host.driver === "v2" || host.controllers.has("pids") ? directoryFor(host, "pids", path) : undefined;
  const file = join(directory ?? "", "pids.events");
  if (directory === undefined || !existsSync(file)) return undefined;
  const count = (): number => keyed(readFileIfAny(file), "max") ?? 0;
  let before = known ?? count();
  const look = (): void => {
    const now = count();
    if (now > before) refused({ count: now, limit: countIn(readFileIfAny(join(directory, "pids.max"))) });
    before = Math.max(before, now);
  };
  // However much happens, the kernel tells it at most every 10 ms (cgroup_file_notify).
  const end = host.driver === "v2" ? watchPath(file, look, { persistent: false }) : lookNowAndThen(look);
  const first = setImmediate(look);
  return () => {
    clearImmediate(first);
    end();
  };
}

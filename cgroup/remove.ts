import { existsSync, rmdirSync } from "node:fs";
import { hasErrno, SetupError } from "../src/core/errors.ts";
import { join } from "../src/core/join.ts";
import { pause } from "../src/core/pause.ts";
import type { CgroupHost } from "./host.ts";
import { killAll, remaining } from "./kill.ts";
import { checkPath, hierarchies, homeDirectory, parentsOf } from "./place.ts";
import { treeOf } from "./processes.ts";
import { shareProtection } from "./v2/protection.ts";

/** How long killed processes may take to end. */
const patienceMs = 10_000;

/** rmdir(2) of a cgroup; gone already is success, and so is one in use (then false). */
function tryRemove(directory: string): boolean {
  try {
    rmdirSync(directory);
    return true;
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return true;
    if (hasErrno(error, "EBUSY", "ENOTEMPTY")) return false;
    throw error;
  }
}

/** Removes the cgroup with those below it, in one hierarchy; false when processes keep it. */
function tryRemoveTree(directory: string): boolean {
  return tryRemove(directory) || treeOf(directory).map(tryRemove).every(Boolean);
}

/**
 * Removes the cgroup of a container from every hierarchy, and the instance's own above it when that was the last one.
 * Whatever runs in it is killed; only that. None there is success.
 * @throws SetupError naming the processes that do not end.
 */
export function removeCgroup(host: CgroupHost, path: string): void {
  checkPath(path);
  // Looked for first, because an error that is thrown costs more than the call.
  const mountPoints = hierarchies(host).filter((mountPoint) => existsSync(join(mountPoint, path)));
  // Mostly everything has ended and this is all there is to it.
  let left = mountPoints.filter((mountPoint) => !tryRemove(join(mountPoint, path)));
  const deadline = Date.now() + patienceMs;
  for (let ms = 0.5; left.length > 0; ms = Math.min(ms * 2, 50)) {
    killAll(host, path);
    left = left.filter((mountPoint) => !tryRemoveTree(join(mountPoint, path)));
    if (left.length === 0) break;
    if (Date.now() > deadline) {
      const pids = [...remaining(host, path)].slice(0, 10).join(", ");
      const directories = left.map((mountPoint) => join(mountPoint, path)).join(", ");
      throw new SetupError(
        `cgroup ${directories} cannot be removed: processes ${pids || "of another pid namespace"} in it do not end`,
      );
    }
    pause(ms);
  }
  removeParents(host, path);
  if (host.driver === "v2") shareProtection(host, path);
}

/** Removes the cgroups above `path`, the instance's own, unless something else is in them. */
export function removeParents(host: CgroupHost, path: string): void {
  for (const parent of parentsOf(path).reverse()) {
    // All containers are in this hierarchy: while it has others, those above are needed.
    const home = homeDirectory(host, parent);
    if (!tryRemove(home)) return;
    for (const mountPoint of hierarchies(host)) {
      const directory = join(mountPoint, parent);
      if (directory !== home && existsSync(directory)) tryRemove(directory);
    }
  }
}

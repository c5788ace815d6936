import { existsSync } from "node:fs";
import { join } from "../core/join.ts";
import type { Instance } from "../core/paths.ts";
import { writeFile } from "../core/write-file.ts";
import { containerPaths } from "./store.ts";

function notePath(instance: Instance, id: string): string {
  return join(containerPaths(instance, id).run, "late-cgroups");
}

/**
 * Notes that the monitor of a container may not be able to remove its cgroups: because processes may outlive its init,
 * which is pid 1 of nothing, or because the container may join hierarchies of cgroup v1 that it had no need of when it was
 * started.
 */
export function noteLateCgroups(instance: Instance, id: string): void {
  writeFile(notePath(instance, id), "", 0o600);
}

/** True when the monitor may not have removed all cgroups of this container. */
export function hasLateCgroups(instance: Instance, id: string): boolean {
  return existsSync(notePath(instance, id));
}

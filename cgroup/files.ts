import { join } from "../src/core/join.ts";
import type { OciResources } from "../src/core/oci.ts";
import type { CgroupHost } from "./host.ts";
import { directoryFor } from "./place.ts";
import { v1Controllers } from "./plan.ts";

/**
 * v1: the files into which the container's first process writes `0` (itself) before it does anything else. The memory
 * hierarchy comes first. Empty on v2, where it is born in {@link cgroupDirectory}. `tasks`, because for the one thread
 * that is itself the kernel need not hold up every fork on the machine, as cgroup.procs makes it (some 6 ms after a
 * while without: kernel/cgroup/cgroup.c cgroup_procs_write_start, since Linux 5.5): it must have one thread only.
 */
export function joinFiles(host: CgroupHost, path: string, resources: OciResources): string[] {
  if (host.driver === "v2") return [];
  return v1Controllers(host, resources).map((controller) =>
    join(host.controllers.get(controller) ?? "", path, "tasks"),
  );
}

/** v2: the directory to open for CLONE_INTO_CGROUP. Undefined on v1. */
export function cgroupDirectory(host: CgroupHost, path: string): string | undefined {
  return host.driver === "v2" ? join(host.root, path) : undefined;
}

/** Files whose content, read after the container's end and before its cgroup is removed, is for `parseOom`. */
export function watchFiles(host: CgroupHost, path: string): string[] {
  const directory = host.controllers.has("memory") ? directoryFor(host, "memory", path) : undefined;
  if (directory === undefined) return [];
  return [join(directory, host.driver === "v2" ? "memory.events" : "memory.oom_control")];
}

import { rmdirSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { hasErrno } from "../../src/core/errors.ts";
import type { Snapshot } from "./snapshot.ts";

/**
 * Ends by force what a failed test has left on the machine itself, so that it fails alone: the processes, then the
 * cgroups of the instance. Its links, rules and mounts go with the namespaces they are in.
 */
export async function sweep(snapshot: Snapshot): Promise<void> {
  for (const line of snapshot.lines.processes) {
    try {
      process.kill(Number.parseInt(line, 10), "SIGKILL");
    } catch (error) {
      if (!hasErrno(error, "ESRCH")) throw error;
    }
  }
  // The deepest first. A cgroup is busy until the kernel has finished with the last process in it.
  let left = [...snapshot.lines.cgroups].reverse();
  for (let round = 0; left.length > 0 && round < 100; round += 1) {
    left = left.filter((path) => {
      try {
        rmdirSync(path);
        return false;
      } catch (error) {
        return !hasErrno(error, "ENOENT");
      }
    });
    if (left.length > 0) await pause(20);
  }
}

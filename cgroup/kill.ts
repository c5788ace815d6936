import { hasErrno } from "../src/core/errors.ts";
import { join } from "../src/core/join.ts";
import { freeze, thaw } from "./freeze.ts";
import type { CgroupHost } from "./host.ts";
import { checkPath, hierarchies, homesOf } from "./place.ts";
import { processesIn } from "./processes.ts";
import { writeValues } from "./write-values.ts";

function send(pids: Iterable<number>): void {
  for (const pid of pids) {
    if (pid === process.pid) continue;
    try {
      process.kill(pid, "SIGKILL");
    } catch (error) {
      if (!hasErrno(error, "ESRCH")) throw error;
    }
  }
}

/** The processes of a container in any hierarchy: on v1 one that was moved out of one may still be in another. */
export function remaining(host: CgroupHost, path: string): Set<number> {
  return new Set(hierarchies(host).flatMap((mountPoint) => processesIn(join(mountPoint, path))));
}

/** True while a process lives in what may be the cgroup of a container of which only the id is known. */
export function livesAnywhere(host: CgroupHost, prefix: string, id: string): boolean {
  return homesOf(host, prefix).some((home) => remaining(host, `${home}/${id}`).size > 0);
}

/**
 * Sends SIGKILL to every process in a container's cgroup, those it is just starting included: at once where the kernel
 * can (cgroup.kill, Linux 5.14); else one by one, twice, and then frozen first, so that nobody can escape by forking.
 * Does not wait for their end. No processes, or no cgroup, is success.
 */
export function killAll(host: CgroupHost, path: string): void {
  checkPath(path);
  if (host.driver === "v2") {
    try {
      writeValues(join(host.root, path, "cgroup.kill"), ["1"]);
      return;
    } catch (error) {
      // ENOENT: an older kernel, or no such cgroup any more.
      if (!hasErrno(error, "ENOENT", "ENODEV")) throw error;
    }
  }
  const first = remaining(host, path);
  send(first);
  const second = remaining(host, path);
  send(second);
  // The first may simply not have ended yet.
  if ([...second].some((pid) => !first.has(pid))) {
    try {
      freeze(host, path, 100);
    } catch {
      // Without a freezer, or with a process that is slow to stop: kill what is there.
    }
    send(remaining(host, path));
  }
  // A frozen process dies only when it may run again.
  thaw(host, path);
}

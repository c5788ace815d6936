import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { hasErrno, SetupError } from "../src/core/errors.ts";
import { join } from "../src/core/join.ts";
import { absenceOf, type CgroupHost } from "./host.ts";
import { checkPath, homeDirectory } from "./place.ts";
import { writeValues } from "./write-values.ts";

/** How often a growing group is looked through before it is given up on. */
const passes = 100;

/** The text of a cgroup file; undefined when there is none, or its cgroup has just been removed. */
export function readFileIfAny(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (hasErrno(error, "ENOENT", "ENODEV", "ENOTDIR")) return undefined;
    throw error;
  }
}

/** `directory` and every cgroup below it, the deepest first. Empty when there is none. */
export function treeOf(directory: string): string[] {
  try {
    const children = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return [...children.flatMap(({ name }) => treeOf(join(directory, name))), directory];
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return [];
    throw error;
  }
}

/** The processes in `directory` and below. Those that this pid namespace has no number for are left out. */
export function processesIn(directory: string): number[] {
  const pids = new Set<number>();
  for (const cgroup of treeOf(directory)) {
    for (const line of (readFileIfAny(join(cgroup, "cgroup.procs")) ?? "").split("\n")) {
      // 0 stands for a process of another pid namespace, and to kill(2) it would mean our own process group.
      if (Number(line) > 0) pids.add(Number(line));
    }
  }
  return [...pids];
}

/** The processes in the pid namespace of `init`: all of a container that has no cgroup. */
function processesWith(init: number): number[] {
  const namespaceOf = (pid: number | string): string | undefined => {
    try {
      return readlinkSync(`/proc/${pid}/ns/pid`);
    } catch (error) {
      if (hasErrno(error, "ENOENT", "ESRCH", "EACCES", "EPERM")) return undefined;
      throw error;
    }
  };
  const wanted = namespaceOf(init);
  if (wanted === undefined || wanted === namespaceOf("self")) return [];
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && namespaceOf(name) === wanted)
    .map(Number);
}

/** The processes of a container, by their pids here; `init` is the first of them, for a host without cgroups. */
export function listProcesses(host: CgroupHost, path: string, init?: number): number[] {
  checkPath(path);
  if (absenceOf(host) !== undefined) return init === undefined ? [] : processesWith(init);
  return processesIn(homeDirectory(host, path));
}

/**
 * v1: puts the processes of the cgroup `home` into the cgroup `directory` of another hierarchy, those too that are
 * started meanwhile: a process that has been moved has its children there, so a pass that finds nobody new is the last.
 */
export function adopt(home: string, directory: string): void {
  const procs = join(directory, "cgroup.procs");
  for (let pass = 0; pass < passes; pass += 1) {
    const there = new Set(processesIn(directory));
    const strangers = processesIn(home).filter((pid) => !there.has(pid));
    if (strangers.length === 0) return;
    for (const pid of strangers) {
      try {
        writeValues(procs, [String(pid)]);
      } catch (error) {
        // It has ended meanwhile.
        if (!hasErrno(error, "ESRCH")) throw error;
      }
    }
  }
  throw new SetupError(`cannot move the processes of ${home} into ${directory}: there are always new ones`);
}

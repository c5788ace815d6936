import { readFileSync } from "node:fs";
import { join } from "../src/core/join.ts";
import type { CgroupHost } from "./host.ts";

/** Files that a process writes `0` (itself) into, to leave the container's memory cgroup and to come back. */
export interface SetUpPlace {
  readonly outside: string;
  readonly own: string;
}

/**
 * Where the root of a container with very little memory is built: in the memory cgroup of mdocker itself, so that what the
 * kernel needs for mounts, inodes and the first process (some 200 KiB) is not taken from the container's limit. Undefined
 * when that is not in sight, as for who is in a cgroup namespace of their own.
 * @param own Text of /proc/self/cgroup.
 */
export function setUpPlace(
  host: CgroupHost,
  path: string,
  own: string = readFileSync("/proc/self/cgroup", "utf8"),
): SetUpPlace | undefined {
  const [root, file, controller] =
    host.driver === "v2"
      ? [host.root, "cgroup.procs", ""]
      : [host.controllers.get("memory"), "tasks", "memory"];
  const place = own
    .split("\n")
    .map((line) => /^\d+:([^:]*):(\/.*)$/.exec(line))
    .find((found) => found?.[1]?.split(",").includes(controller))?.[2];
  if (root === undefined || place === undefined || place.startsWith("/..")) return undefined;
  return { outside: `${root}${place === "/" ? "" : place}/${file}`, own: join(root, path, file) };
}

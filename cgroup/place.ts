import { join } from "../src/core/join.ts";
import type { CgroupHost, V1Host } from "./host.ts";

/** Where systemd has the scope with our containers, below its own cgroup: cgroup/scope.ts makes it. */
export const scopePath = "mdocker.slice/mdocker-containers.scope";

/** Path of the cgroup with all containers of an instance, for those that are made now. */
function homeOf(host: CgroupHost, prefix: string): string {
  return host.driver === "v2" && host.scope !== undefined ? `${scopePath}/${prefix}` : prefix;
}

/** Paths of the cgroups that containers of an instance may be in: systemd may have been told of them, or not. */
export function homesOf(host: CgroupHost, prefix: string): string[] {
  return [
    ...new Set([homeOf(host, prefix), prefix, ...(host.driver === "v2" ? [`${scopePath}/${prefix}`] : [])]),
  ];
}

/** Path of the cgroup of a container that is made now: `mdocker/ID`, in a scope where systemd manages the tree. */
export function containerCgroup(host: CgroupHost, prefix: string, id: string): string {
  return `${homeOf(host, prefix)}/${id}`;
}

/**
 * Refuses a cgroup path that could be anything but one container's: everything in it may be killed.
 * Throws for a programming error.
 */
export function checkPath(path: string): void {
  if (!/^[\w-][\w.-]*(\/[\w-][\w.-]*)+$/.test(path))
    throw new Error(`not the path of a container's cgroup: ${path}`);
}

/** `a/b/c` gives `a`, `a/b`: the cgroups above a container's, from the top. */
export function parentsOf(path: string): string[] {
  const parts = path.split("/");
  return parts.slice(1).map((_, i) => parts.slice(0, i + 1).join("/"));
}

/** Mount points of all hierarchies, each once. */
export function hierarchies(host: CgroupHost): string[] {
  return host.driver === "v2" ? [host.root] : [...new Set(host.controllers.values())];
}

/** The v1 controller whose hierarchy every container joins, so that its processes can be listed there. */
export function homeController(host: V1Host): string {
  const [any = ""] = host.controllers.keys();
  return ["memory", "pids", "devices", "cpu"].find((name) => host.controllers.has(name)) ?? any;
}

/** Directory of a container's cgroup in the hierarchy of `controller`; undefined when the host has no such controller. */
export function directoryFor(host: CgroupHost, controller: string, path: string): string | undefined {
  if (host.driver === "v2") return join(host.root, path);
  const mountPoint = host.controllers.get(controller);
  return mountPoint === undefined ? undefined : join(mountPoint, path);
}

/** Directory of a container's cgroup where all its processes are listed. */
export function homeDirectory(host: CgroupHost, path: string): string {
  if (host.driver === "v2") return join(host.root, path);
  return join(host.controllers.get(homeController(host)) ?? "/nowhere", path);
}

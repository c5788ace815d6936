import { readFileSync } from "node:fs";
import { SetupError, UsageError } from "../src/core/errors.ts";
import { isRootless } from "../src/core/rootless.ts";
import { findDelegation } from "./delegated.ts";
import { type CgroupMount, parseCgroupMounts } from "./mountinfo.ts";

/** A host with cgroup v1 controllers (legacy or hybrid). */
export interface V1Host {
  readonly driver: "v1";
  /** Mount point of each controller's hierarchy; controllers mounted together share one. */
  readonly controllers: ReadonlyMap<string, string>;
  /** Why no container can have a cgroup here, and nothing can be limited: then there are no controllers. */
  readonly absent?: string;
}

/** systemd manages the tree, and gives us a part of it to manage ourselves: cgroup/scope.ts. */
export interface Scope {
  /** The manager is the user's own (`systemd --user`), not the host's. */
  readonly user: boolean;
  /** This process is where it may not move others from: it has to be brought in first. */
  readonly outside: boolean;
}

/** A host whose controllers are all in the one tree of cgroup v2. */
export interface V2Host {
  readonly driver: "v2";
  /** The cgroup at the top of what is ours to use; of a user with systemd that of the manager. */
  readonly root: string;
  readonly controllers: ReadonlySet<string>;
  /** Undefined where plain directories below the root do. */
  readonly scope?: Scope | undefined;
}

/** How this host controls resources. */
export type CgroupHost = V1Host | V2Host;

/** Why no container can have a cgroup here; undefined where one can. */
export function absenceOf(host: CgroupHost): string | undefined {
  return host.driver === "v1" ? host.absent : undefined;
}

/** Who makes the cgroups of containers, in docker's words. */
export function managerOf(host: CgroupHost): "systemd" | "cgroupfs" {
  return host.driver === "v2" && host.scope !== undefined ? "systemd" : "cgroupfs";
}

/** True when this process may put none into a container's cgroup from where it is. */
export function isOutside(host: CgroupHost): boolean {
  return host.driver === "v2" && host.scope?.outside === true;
}

const v1Controllers: ReadonlySet<string> = new Set([
  "cpu",
  "cpuacct",
  "cpuset",
  "memory",
  "devices",
  "freezer",
  "blkio",
  "pids",
  "hugetlb",
  "rdma",
  "misc",
  "perf_event",
  "net_cls",
  "net_prio",
]);

/** A mount of a whole hierarchy before one of a part (a bind mount of some cgroup), the usual place before others. */
function byPreference(one: CgroupMount, other: CgroupMount): number {
  const rank = ({ root, mountPoint }: CgroupMount): number =>
    (root === "/" ? 0 : 2) + (mountPoint.startsWith("/sys/fs/cgroup") ? 0 : 1);
  return rank(one) - rank(other);
}

function absentHost(absent: string): V1Host {
  return { driver: "v1", controllers: new Map(), absent };
}

/** What who is root of a user namespace only may control. */
function delegatedHost(readControllers: (path: string) => string): CgroupHost {
  const found = findDelegation();
  if ("absent" in found) return absentHost(found.absent);
  const { root, outside, managed } = found;
  const scope = managed && asksSystemd() ? { user: true, outside } : undefined;
  if (outside && scope === undefined)
    return absentHost("this login is beside the user's part of the tree, and only systemd can move it there");
  const text = readControllers(`${root}/cgroup.controllers`);
  return { driver: "v2", root, controllers: new Set(text.split(/\s+/).filter(Boolean)), scope };
}

/** MDOCKER_CGROUP_MANAGER: `cgroupfs` for plain directories whatever manages the tree. @throws UsageError */
function asksSystemd(): boolean {
  const { MDOCKER_CGROUP_MANAGER: manager = "" } = process.env;
  if (!["", "systemd", "cgroupfs"].includes(manager))
    throw new UsageError(`MDOCKER_CGROUP_MANAGER=${manager}: expected systemd or cgroupfs`);
  return manager !== "cgroupfs";
}

/** The first process is systemd, in the cgroup where it puts itself: whoever sees it so sees the tree that it manages. */
function isManaged(): boolean {
  return readFileSync("/proc/1/cgroup", "utf8") === "0::/init.scope\n";
}

/**
 * Finds out how this host controls resources, from the mounts that this process sees: v1 when memory, cpu or pids has a
 * hierarchy of its own, whatever else is mounted; else the v2 tree.
 * @param mountinfo Text of /proc/self/mountinfo.
 * @param readControllers Reads a cgroup.controllers file.
 * @throws SetupError when no cgroup file system is mounted.
 */
export function detectCgroups(
  mountinfo: string = readFileSync("/proc/self/mountinfo", "utf8"),
  readControllers: (path: string) => string = (path) => readFileSync(path, "utf8"),
): CgroupHost {
  if (isRootless()) return delegatedHost(readControllers);
  const mounts = parseCgroupMounts(mountinfo).sort(byPreference);
  const controllers = new Map<string, string>();
  for (const { version, options, mountPoint } of mounts) {
    if (version !== 1) continue;
    for (const option of options) {
      if (v1Controllers.has(option) && !controllers.has(option)) controllers.set(option, mountPoint);
    }
  }
  const tree = mounts.find(({ version }) => version === 2);
  const isV1 = ["memory", "cpu", "pids"].some((name) => controllers.has(name));
  if (tree !== undefined && !isV1) {
    const text = readControllers(`${tree.mountPoint}/cgroup.controllers`);
    const scope =
      tree.root === "/" && isManaged() && asksSystemd() ? { user: false, outside: false } : undefined;
    return {
      driver: "v2",
      root: tree.mountPoint,
      controllers: new Set(text.split(/\s+/).filter(Boolean)),
      scope,
    };
  }
  if (controllers.size === 0) {
    throw new SetupError(
      "no cgroups are mounted: expected them on /sys/fs/cgroup (try: mount -t cgroup2 cgroup2 /sys/fs/cgroup)",
    );
  }
  return { driver: "v1", controllers };
}

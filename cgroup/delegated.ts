import { accessSync, constants, readFileSync, statSync } from "node:fs";
import { join } from "../src/core/join.ts";
import { parseCgroupMounts } from "./mountinfo.ts";

/** The part of cgroup v2's tree that an ordinary user may use, or why there is none. */
export type Delegation = { readonly root: string } | { readonly absent: string };

/** What is asked of the host; replaced in tests. */
export interface DelegationHost {
  readonly mountinfo: string;
  /** /proc/self/cgroup */
  readonly cgroup: string;
  readonly isWritable: (path: string) => boolean;
}

function thisHost(): DelegationHost {
  return {
    mountinfo: readFileSync("/proc/self/mountinfo", "utf8"),
    cgroup: readFileSync("/proc/self/cgroup", "utf8"),
    isWritable: (path) => {
      try {
        accessSync(path, constants.W_OK);
        // Root of a user namespace may write what belongs to the user; access(2) knows that of files that have an owner there.
        return statSync(path).uid === process.getuid?.();
      } catch {
        return false;
      }
    },
  };
}

const advice = "a login with systemd has one: systemd-run --user --scope -p Delegate=yes mdocker ...";

/**
 * The highest cgroup above this process whose children we may make and fill: with systemd the user's own
 * (user@UID.service), Documentation/admin-guide/cgroup-v2.rst, "Delegation". A process can be moved only within it.
 */
export function findDelegation(host: DelegationHost = thisHost()): Delegation {
  const mounts = parseCgroupMounts(host.mountinfo);
  const legacy = mounts.some(
    ({ version, options }) =>
      version === 1 && ["memory", "cpu", "pids"].some((name) => options.includes(name)),
  );
  if (legacy)
    return { absent: "this host has its controllers on cgroup v1, of which an ordinary user gets no part" };
  const tree = mounts.find(({ version }) => version === 2);
  if (tree === undefined) return { absent: "no cgroups are mounted on this host" };
  const own = /^0::(\/.*)$/m.exec(host.cgroup)?.[1];
  if (own === undefined) return { absent: "this process is in no cgroup" };
  const below = tree.root === "/" ? own : own.slice(tree.root.length);
  const parts = below.split("/").filter((part) => part !== "");
  for (let count = 1; count <= parts.length; count += 1) {
    const root = join(tree.mountPoint, parts.slice(0, count).join("/"));
    const files = ["", "/cgroup.procs", "/cgroup.subtree_control"];
    if (files.every((file) => host.isWritable(`${root}${file}`))) return { root };
  }
  return { absent: `no part of the cgroup tree belongs to this user here (${advice})` };
}

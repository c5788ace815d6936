import { accessSync, constants, existsSync, readFileSync, statSync } from "node:fs";
import { join } from "../src/core/join.ts";
import { rootlessUser } from "../src/core/rootless.ts";
import { parseCgroupMounts } from "./mountinfo.ts";

/** The part of cgroup v2's tree that an ordinary user may use, or why there is none. */
export type Delegation =
  | {
      readonly root: string;
      /** It belongs to the user's own systemd. */
      readonly managed: boolean;
      /** This process is not below it, as in a login by ssh: systemd has to bring it in. */
      readonly outside: boolean;
    }
  | { readonly absent: string };

/** What is asked of the host; replaced in tests. */
export interface DelegationHost {
  readonly mountinfo: string;
  /** /proc/self/cgroup */
  readonly cgroup: string;
  readonly isWritable: (path: string) => boolean;
  readonly exists: (path: string) => boolean;
  /** The user's id on the host. */
  readonly uid: number;
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
    exists: existsSync,
    uid: rootlessUser() ?? process.getuid?.() ?? 0,
  };
}

const advice = "who logs in on a host with systemd has one, by ssh or machinectl shell, not by su";

/**
 * The highest cgroup above this process whose children we may make and fill: with systemd the user's own
 * (user@UID.service), Documentation/admin-guide/cgroup-v2.rst, "Delegation". A process can be moved only within it; a login
 * (session-N.scope) is beside it.
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
  const isOurs = (root: string): boolean =>
    ["", "/cgroup.procs", "/cgroup.subtree_control"].every((file) => host.isWritable(`${root}${file}`));
  const managers = `user.slice/user-${host.uid}.slice/user@${host.uid}.service`;
  const manager = tree.root === "/" ? join(tree.mountPoint, managers) : undefined;
  // Every manager puts itself there.
  const managed = manager !== undefined && host.exists(`${manager}/init.scope`);
  for (let count = 1; count <= parts.length; count += 1) {
    const root = join(tree.mountPoint, parts.slice(0, count).join("/"));
    if (isOurs(root)) return { root, managed: managed && root === manager, outside: false };
  }
  if (managed && isOurs(manager)) return { root: manager, managed, outside: true };
  return { absent: `no part of the cgroup tree belongs to this user here (${advice})` };
}

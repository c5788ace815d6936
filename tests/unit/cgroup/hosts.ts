import { detectCgroups, type V1Host, type V2Host } from "../../../cgroup/host.ts";

/** A hybrid host as old systemd makes it: cpu and cpuacct together, an empty v2 tree beside. */
export const hybridMountinfo = `22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
25 22 0:22 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw
30 25 0:26 / /sys/fs/cgroup ro,nosuid,nodev,noexec shared:9 - tmpfs tmpfs ro,mode=755
31 30 0:27 / /sys/fs/cgroup/unified rw,nosuid shared:10 - cgroup2 cgroup2 rw,nsdelegate
32 30 0:28 / /sys/fs/cgroup/systemd rw,nosuid shared:11 - cgroup cgroup rw,xattr,name=systemd
33 30 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:12 - cgroup cgroup rw,cpu,cpuacct
34 30 0:30 / /sys/fs/cgroup/memory rw,nosuid shared:13 - cgroup cgroup rw,memory
35 30 0:31 / /sys/fs/cgroup/pids rw,nosuid shared:14 - cgroup cgroup rw,pids
36 30 0:32 / /sys/fs/cgroup/devices rw,nosuid shared:15 - cgroup cgroup rw,devices
37 30 0:33 / /sys/fs/cgroup/cpuset rw,nosuid shared:16 - cgroup cgroup rw,cpuset
38 30 0:34 / /sys/fs/cgroup/blkio rw,nosuid shared:17 - cgroup cgroup rw,blkio
39 30 0:35 / /sys/fs/cgroup/freezer rw,nosuid shared:18 - cgroup cgroup rw,freezer
`;

export const unifiedMountinfo = `22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
25 22 0:22 / /sys rw,relatime - sysfs sysfs rw
29 25 0:24 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot
`;

export function hybridHost(): V1Host {
  const host = detectCgroups(hybridMountinfo);
  if (host.driver !== "v1") throw new Error("expected v1");
  return host;
}

export function unifiedHost(controllers = "cpuset cpu io memory pids misc"): V2Host {
  const host = detectCgroups(unifiedMountinfo, () => `${controllers}\n`);
  if (host.driver !== "v2") throw new Error("expected v2");
  return host;
}

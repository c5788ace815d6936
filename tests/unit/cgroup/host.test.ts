import { describe, expect, test } from "vitest";
import { detectCgroups } from "../../../cgroup/host.ts";
import { parseCgroupMounts } from "../../../cgroup/mountinfo.ts";
import { SetupError } from "../../../src/core/errors.ts";
import { hybridHost, hybridMountinfo, unifiedHost, unifiedMountinfo } from "./hosts.ts";

describe("the host's driver", () => {
  test("controllers on v1 beside an empty v2 tree: v1", () => {
    const { controllers } = hybridHost();
    expect(Object.fromEntries(controllers)).toEqual({
      cpu: "/sys/fs/cgroup/cpu,cpuacct",
      cpuacct: "/sys/fs/cgroup/cpu,cpuacct",
      memory: "/sys/fs/cgroup/memory",
      pids: "/sys/fs/cgroup/pids",
      devices: "/sys/fs/cgroup/devices",
      cpuset: "/sys/fs/cgroup/cpuset",
      blkio: "/sys/fs/cgroup/blkio",
      freezer: "/sys/fs/cgroup/freezer",
    });
  });

  test("the v2 tree alone: v2, with what its root offers", () => {
    const asked: string[] = [];
    const host = detectCgroups(unifiedMountinfo, (path) => {
      asked.push(path);
      return "cpu memory\n";
    });
    expect(asked).toEqual(["/sys/fs/cgroup/cgroup.controllers"]);
    expect(host).toEqual({ driver: "v2", root: "/sys/fs/cgroup", controllers: new Set(["cpu", "memory"]) });
  });

  test("a v1 hierarchy without a controller that matters leaves the v2 tree in charge", () => {
    const named = "40 25 0:40 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n";
    const net = "41 25 0:41 / /run/net_cls rw - cgroup cgroup rw,net_cls\n";
    expect(detectCgroups(unifiedMountinfo + named + net, () => "memory").driver).toBe("v2");
    expect(unifiedHost("").controllers).toEqual(new Set());
  });

  test("nothing mounted is an error that says what to do", () => {
    expect(() => detectCgroups("22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n")).toThrow(SetupError);
    expect(() => detectCgroups("")).toThrow("mount -t cgroup2 cgroup2 /sys/fs/cgroup");
  });

  test("inside a container: what is visible is used, the whole hierarchy before a part", () => {
    const part = "50 22 0:30 /docker/abc /rootfs/memory rw - cgroup cgroup rw,memory\n";
    const host = detectCgroups(part + hybridMountinfo);
    expect(host.driver === "v1" && host.controllers.get("memory")).toBe("/sys/fs/cgroup/memory");
    const only = detectCgroups(part);
    expect(only.driver === "v1" && only.controllers.get("memory")).toBe("/rootfs/memory");
  });
});

describe("mountinfo", () => {
  const root = "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n";
  const points = (text: string): string[] => parseCgroupMounts(text).map(({ mountPoint }) => mountPoint);

  test("a mount that is covered does not count", () => {
    const tree = "29 22 0:24 / /cg rw - cgroup2 cgroup2 rw\n";
    expect(points(`${root}${tree}`)).toEqual(["/cg"]);
    // Directly on top of it: the path leads to the upper one.
    const upper = "30 29 0:25 / /cg rw - cgroup cgroup rw,memory\n";
    expect(parseCgroupMounts(`${root}${tree}${upper}`)).toEqual([
      { version: 1, mountPoint: "/cg", root: "/", options: ["rw", "memory"] },
    ]);
    // On a directory above it.
    const deep = "29 22 0:24 / /a/cg rw - cgroup2 cgroup2 rw\n";
    expect(points(`${root}${deep}30 22 0:25 / /a rw - tmpfs tmpfs rw\n`)).toEqual([]);
    // Beside it, with a name that begins the same.
    expect(points(`${root}${deep}30 22 0:25 / /a/c rw - tmpfs tmpfs rw\n`)).toEqual(["/a/cg"]);
    // On the root of the mount it is in.
    const sys = "25 22 0:22 / /a rw - sysfs sysfs rw\n29 25 0:24 / /a/cg rw - cgroup2 cgroup2 rw\n";
    expect(points(`${root}${sys}`)).toEqual(["/a/cg"]);
    expect(points(`${root}${sys}30 25 0:25 / /a rw - tmpfs tmpfs rw\n`)).toEqual([]);
  });

  test("optional fields, octal escapes and short lines", () => {
    const odd = "29 22 0:24 / /with\\040blank\\134 rw shared:1 master:2 propagate_from:3 - cgroup2 none rw\n";
    expect(points(`${root}${odd}garbage\n\n`)).toEqual(["/with blank\\"]);
    expect(points("29 22 0:24 / /x rw cgroup2 none rw\n")).toEqual([]);
  });
});

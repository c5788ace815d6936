import { describe, expect, test } from "vitest";
import { CannotEnforceError } from "../../../cgroup/cannot-enforce.ts";
import { quotaOfCpus, weightOfShares } from "../../../cgroup/cpu.ts";
import { cgroupDirectory, joinFiles, watchFiles } from "../../../cgroup/files.ts";
import { type CgroupHost, detectCgroups } from "../../../cgroup/host.ts";
import { cgroupMounts } from "../../../cgroup/mounts.ts";
import { parseOom } from "../../../cgroup/oom.ts";
import { planCgroup } from "../../../cgroup/plan.ts";
import { UsageError } from "../../../src/core/errors.ts";
import type { OciResources } from "../../../src/core/oci.ts";
import { hybridHost, hybridMountinfo, unifiedHost } from "./hosts.ts";

const path = "mdocker/c1";
const texts = (host: CgroupHost, resources: OciResources): string[] =>
  planCgroup(host, path, resources).map(({ text }) => text);

describe("v1", () => {
  const host = hybridHost();

  test("without limits: only what counts", () => {
    expect(texts(host, {})).toEqual([
      "mkdir -p /sys/fs/cgroup/memory/mdocker/c1",
      "mkdir -p /sys/fs/cgroup/cpu,cpuacct/mdocker/c1",
    ]);
    expect(joinFiles(host, path, {})).toEqual([
      "/sys/fs/cgroup/memory/mdocker/c1/tasks",
      "/sys/fs/cgroup/cpu,cpuacct/mdocker/c1/tasks",
    ]);
    expect(cgroupDirectory(host, path)).toBeUndefined();
  });

  test("every action says what and why", () => {
    const actions = planCgroup(host, path, {
      memory: { limit: 4096 },
      cpu: { cpus: "0" },
      pids: { limit: 1 },
    });
    for (const { kind, text, reason } of actions) {
      expect(kind).toBe("cgroup");
      expect(text).toMatch(/^(mkdir|write|copy) /);
      expect(reason.length).toBeGreaterThan(5);
    }
  });

  test("memory: the limit before memory and swap together, then the soft limit", () => {
    const resources = {
      memory: { limit: 134217728, swap: 268435456, reservation: 67108864, disableOOMKiller: true },
    };
    expect(texts(host, resources).filter((text) => text.startsWith("write"))).toEqual([
      "write 134217728 to /sys/fs/cgroup/memory/mdocker/c1/memory.limit_in_bytes",
      "write 268435456 to /sys/fs/cgroup/memory/mdocker/c1/memory.memsw.limit_in_bytes",
      "write 67108864 to /sys/fs/cgroup/memory/mdocker/c1/memory.soft_limit_in_bytes",
      "write 1 to /sys/fs/cgroup/memory/mdocker/c1/memory.oom_control",
    ]);
  });

  test("cpu: the period before the quota; mounted together, joined once", () => {
    const resources = { cpu: { shares: 512, quota: 50000, period: 100000 } };
    expect(texts(host, resources).slice(1)).toEqual([
      "mkdir -p /sys/fs/cgroup/cpu,cpuacct/mdocker/c1",
      "write 512 to /sys/fs/cgroup/cpu,cpuacct/mdocker/c1/cpu.shares",
      "write 100000 to /sys/fs/cgroup/cpu,cpuacct/mdocker/c1/cpu.cfs_period_us",
      "write 50000 to /sys/fs/cgroup/cpu,cpuacct/mdocker/c1/cpu.cfs_quota_us",
    ]);
    expect(joinFiles(host, path, resources)).toHaveLength(2);
  });

  test("a cpuset is filled from above before its own value is written", () => {
    expect(texts(host, { cpu: { cpus: "0-1" } }).filter((text) => text.includes("cpuset"))).toEqual([
      "mkdir -p /sys/fs/cgroup/cpuset/mdocker/c1",
      "copy /sys/fs/cgroup/cpuset/cpuset.cpus to /sys/fs/cgroup/cpuset/mdocker if that has none",
      "copy /sys/fs/cgroup/cpuset/cpuset.mems to /sys/fs/cgroup/cpuset/mdocker if that has none",
      "copy /sys/fs/cgroup/cpuset/mdocker/cpuset.cpus to /sys/fs/cgroup/cpuset/mdocker/c1 if that has none",
      "copy /sys/fs/cgroup/cpuset/mdocker/cpuset.mems to /sys/fs/cgroup/cpuset/mdocker/c1 if that has none",
      "write 0-1 to /sys/fs/cgroup/cpuset/mdocker/c1/cpuset.cpus",
    ]);
  });

  test("block devices: BFQ's weight or CFQ's, rates a line a device", () => {
    const resources: OciResources = {
      blockIO: {
        weight: 500,
        weightDevice: [{ major: 8, minor: 0, weight: 100 }],
        throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 1048576 }],
        throttleWriteIOPSDevice: [{ major: 8, minor: 16, rate: 0 }],
      },
    };
    const place = "/sys/fs/cgroup/blkio/mdocker/c1";
    expect(texts(host, resources).filter((text) => text.startsWith("write"))).toEqual([
      `write 500 to ${place}/blkio.bfq.weight, or 500 to ${place}/blkio.weight`,
      `write 8:0 100 to ${place}/blkio.bfq.weight_device, or 8:0 100 to ${place}/blkio.weight_device`,
      `write 8:0 1048576 to ${place}/blkio.throttle.read_bps_device`,
      `write 8:16 0 to ${place}/blkio.throttle.write_iops_device`,
    ]);
  });

  test("what is unlimited or zero needs no write, no hierarchy and no controller", () => {
    const nothing: OciResources = {
      memory: { limit: 0, swap: -1 },
      pids: { limit: -1 },
      cpu: { shares: 0, quota: -1, cpus: "" },
      devices: [{ allow: true, access: "rwm" }],
    };
    expect(texts(host, nothing)).toEqual(texts(host, {}));
    expect(texts(unifiedHost("memory"), nothing)).toEqual(texts(unifiedHost("memory"), {}));
  });

  test("a limit without its controller is an error, never silence", () => {
    const poor = detectCgroups(hybridMountinfo.replace(/^.*,pids\n/m, ""));
    expect(() => planCgroup(poor, path, { pids: { limit: 10 } })).toThrow(CannotEnforceError);
    expect(() => planCgroup(poor, path, { pids: { limit: 10 } })).toThrow(
      /^cannot enforce --pids-limit: no hierarchy of the pids controller is mounted/,
    );
    expect(() => planCgroup(host, path, { unified: { "memory.high": "1" } })).toThrow(
      /^cannot enforce --memory-high: this host has its controllers on cgroup v1/,
    );
  });

  test("without a memory hierarchy processes are listed in another one", () => {
    const poor = detectCgroups(hybridMountinfo.replace(/^.*,memory\n/m, ""));
    expect(joinFiles(poor, path, {})[0]).toBe("/sys/fs/cgroup/pids/mdocker/c1/tasks");
    expect(watchFiles(poor, path)).toEqual([]);
  });

  test("a container sees the hierarchies it is in, read-only", () => {
    const mounts = cgroupMounts(host, { pids: { limit: 5 } });
    expect(mounts.map(({ destination, type }) => `${type} ${destination}`)).toEqual([
      "tmpfs /sys/fs/cgroup",
      "cgroup /sys/fs/cgroup/memory",
      "cgroup /sys/fs/cgroup/cpu,cpuacct",
      "cgroup /sys/fs/cgroup/pids",
      "tmpfs /sys/fs/cgroup",
    ]);
    expect(mounts[2]?.options).toEqual(expect.arrayContaining(["ro", "cpu", "cpuacct"]));
    expect(mounts.at(-1)?.options).toEqual(expect.arrayContaining(["remount", "bind", "ro"]));
  });
});

describe("v2", () => {
  const host = unifiedHost();
  const place = "/sys/fs/cgroup/mdocker/c1";

  test("the directory first, then the controllers from the top down", () => {
    expect(texts(host, {})).toEqual([
      `mkdir -p ${place}`,
      "write +memory +pids to /sys/fs/cgroup/cgroup.subtree_control as far as missing",
      "write +memory +pids to /sys/fs/cgroup/mdocker/cgroup.subtree_control as far as missing",
    ]);
    expect(joinFiles(host, path, {})).toEqual([]);
    expect(cgroupDirectory(host, path)).toBe(place);
    expect(watchFiles(host, path)).toEqual([`${place}/memory.events`]);
  });

  test("every kind of limit", () => {
    const resources: OciResources = {
      memory: { limit: 134217728, swap: 268435456, reservation: 67108864 },
      cpu: { shares: 1024, quota: 50000, period: 200000, cpus: "0,2-3", mems: "0" },
      pids: { limit: 64 },
      blockIO: {
        weight: 1000,
        throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 1 }],
        throttleWriteBpsDevice: [{ major: 8, minor: 0, rate: 0 }],
      },
      unified: { "memory.oom.group": "1", "memory.high": "100000000" },
    };
    const all = texts(host, resources);
    expect(all[1]).toBe(
      "write +memory +pids +cpu +cpuset +io to /sys/fs/cgroup/cgroup.subtree_control as far as missing",
    );
    expect(all.slice(3)).toEqual([
      `write 134217728 to ${place}/memory.max`,
      `write 134217728 to ${place}/memory.swap.max`,
      `write 67108864 to ${place}/memory.low`,
      `write 64 to ${place}/pids.max`,
      `write 39 to ${place}/cpu.weight`,
      `write 50000 200000 to ${place}/cpu.max`,
      `write 0,2-3 to ${place}/cpuset.cpus`,
      `write 0 to ${place}/cpuset.mems`,
      `write default 1000 to ${place}/io.bfq.weight, or default 10000 to ${place}/io.weight`,
      `write 8:0 rbps=1 to ${place}/io.max`,
      `write 8:0 wbps=max to ${place}/io.max`,
      `write 1 to ${place}/memory.oom.group`,
      `write 100000000 to ${place}/memory.high`,
      "write the sums of those below to memory.min and memory.low of mdocker",
    ]);
  });

  test("huge pages: those that are used, and those that are kept for it", () => {
    const hugepageLimits = [{ pageSize: "2MB", limit: 4 << 20 }];
    expect(texts(unifiedHost("memory pids hugetlb"), { hugepageLimits }).slice(3)).toEqual([
      `write 4194304 to ${place}/hugetlb.2MB.max`,
      `write 4194304 to ${place}/hugetlb.2MB.rsvd.max`,
    ]);
    expect(() => planCgroup(host, path, { hugepageLimits })).toThrow(
      /^cannot enforce --hugetlb-limit: .* does not offer the hugetlb controller/,
    );
  });

  test("no swap at all is a limit too", () => {
    expect(texts(host, { memory: { limit: 8192, swap: 8192 } })).toContain(
      `write 0 to ${place}/memory.swap.max`,
    );
  });

  test("what v2 does not have is an error", () => {
    expect(() => planCgroup(host, path, { memory: { limit: 8192, disableOOMKiller: true } })).toThrow(
      /^cannot enforce --oom-kill-disable/,
    );
    expect(() => planCgroup(host, path, { memory: { swappiness: 0 } })).toThrow(
      /^cannot enforce --memory-swappiness: .*vm.swappiness/,
    );
    expect(() => planCgroup(host, path, { cpu: { realtimeRuntime: 950000 } })).toThrow(
      /^cannot enforce --cpu-rt/,
    );
    expect(() => planCgroup(unifiedHost("memory pids"), path, { cpu: { quota: 1000 } })).toThrow(
      "cannot enforce --cpus: /sys/fs/cgroup/cgroup.controllers does not offer the cpu controller (it has: memory, pids)",
    );
  });

  test("a container sees its own cgroup, read-only", () => {
    expect(cgroupMounts(host, {})).toMatchObject([{ destination: "/sys/fs/cgroup", type: "cgroup2" }]);
    expect(cgroupMounts(host, {})[0]?.options).toContain("ro");
  });
});

describe("limits that make no sense", () => {
  const bad: readonly (readonly [string, OciResources])[] = [
    ["--memory: 4095", { memory: { limit: 4095 } }],
    ["--memory: -2", { memory: { limit: -2 } }],
    ["--memory-reservation: 9000", { memory: { limit: 8192, reservation: 9000 } }],
    ["--memory-swap: 4096", { memory: { limit: 8192, swap: 4096 } }],
    ["--memory-swap: 8192: needs --memory", { memory: { swap: 8192 } }],
    ["--pids-limit: 1.5", { pids: { limit: 1.5 } }],
    ["--pids-limit: 4194305", { pids: { limit: 4194305 } }],
    ["--cpu-shares: -1", { cpu: { shares: -1 } }],
    ["--cpu-quota: 999", { cpu: { quota: 999 } }],
    ["--cpu-period: 1000001", { cpu: { period: 1000001 } }],
    ["--cpuset-cpus: 3-1", { cpu: { cpus: "3-1" } }],
    ["--cpuset-cpus: 0,,1", { cpu: { cpus: "0,,1" } }],
    ["--cpuset-mems: 0\n1", { cpu: { mems: "0\n1" } }],
    ["--blkio-weight: 9", { blockIO: { weight: 9 } }],
    ["--device-read-bps: -1", { blockIO: { throttleReadBpsDevice: [{ major: 8, minor: 0, rate: -1 }] } }],
    ["--cgroup-conf: cgroup.procs", { unified: { "cgroup.procs": "1" } }],
    ["--cgroup-conf: ../memory.max", { unified: { "../memory.max": "1" } }],
    [
      "--memory-high: 4096: expected at least --memory-reservation 8192",
      { memory: { reservation: 8192 }, unified: { "memory.high": "4096" } },
    ],
    [
      "--memory-min: 8192: expected at most --memory 4096",
      { memory: { limit: 4096 }, unified: { "memory.min": "8192" } },
    ],
    ["--hugetlb-limit: ../2MB: expected", { hugepageLimits: [{ pageSize: "../2MB", limit: 1 }] }],
    ["--memory-swappiness: 101: expected 0 to 100", { memory: { swappiness: 101 } }],
    ["device rule c 1:3 x", { devices: [{ allow: true, type: "c", major: 1, minor: 3, access: "x" }] }],
  ];
  test.each(bad)("%s", (message, resources) => {
    for (const host of [hybridHost(), unifiedHost()]) {
      expect(() => planCgroup(host, path, resources)).toThrow(UsageError);
      expect(() => planCgroup(host, path, resources)).toThrow(message);
    }
  });

  test.each(["", "/", "mdocker", "/mdocker/c1", "mdocker/../x", "mdocker/", "a//b", "mdocker/.."])(
    "the path %j is refused: everything in it may be killed",
    (wrong) => {
      expect(() => planCgroup(unifiedHost(), wrong, {})).toThrow("not the path of a container's cgroup");
    },
  );
});

describe("numbers", () => {
  test("--cpus as quota and period", () => {
    expect(quotaOfCpus(1.5)).toEqual({ quota: 150000, period: 100000 });
    expect(quotaOfCpus(0.01)).toEqual({ quota: 1000, period: 100000 });
    expect(quotaOfCpus(0.005)).toEqual({ quota: 5000, period: 1000000 });
    for (const wrong of [0, -1, 0.0001, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => quotaOfCpus(wrong)).toThrow(UsageError);
    }
  });

  test("shares as weight: the ends of one range are the ends of the other", () => {
    expect([0, 2, 1024, 262144, 1e6].map(weightOfShares)).toEqual([1, 1, 39, 10000, 10000]);
  });

  test("out-of-memory kills, from either driver's file", () => {
    expect(parseOom("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n")).toBe(3);
    expect(parseOom("low 0\nhigh 0\nmax 12\noom 2\noom_kill 1\noom_group_kill 5\n")).toBe(1);
    expect(parseOom("")).toBe(0);
  });
});

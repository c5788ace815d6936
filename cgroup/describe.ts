import { closeSync, existsSync, readdirSync } from "node:fs";
import { messageOf } from "../src/core/errors.ts";
import { join } from "../src/core/join.ts";
import { loadDeviceProgram } from "../src/sys/bpf.ts";
import { absenceOf, type CgroupHost, type V1Host, type V2Host } from "./host.ts";
import { readFileIfAny } from "./processes.ts";
import { deviceProgram } from "./v2/device-program.ts";

/** Something that cannot be had on this host. */
interface Shortcoming {
  /** Options or features: `--memory-swap`. */
  readonly what: string;
  readonly why: string;
  /** What would mend it, where something would. */
  readonly remedy?: string | undefined;
}

/** What `info` and `doctor` show of cgroups. */
export interface CgroupDescription {
  readonly driver: "v1" | "v2";
  /** `memory on /sys/fs/cgroup/memory`. */
  readonly controllers: readonly { readonly name: string; readonly mountPoint: string }[];
  readonly shortcomings: readonly Shortcoming[];
}

const optionsOf = {
  memory: "--memory, --memory-swap, --memory-reservation, and knowing of an end by lack of memory",
  cpu: "--cpus, --cpu-shares",
  cpuset: "--cpuset-cpus, --cpuset-mems",
  pids: "--pids-limit",
} as const;

function missingControllers(host: CgroupHost): Shortcoming[] {
  const block = host.driver === "v2" ? "io" : "blkio";
  const needed: [string, string][] = [
    ["hugetlb", "--hugetlb-limit"],
    ...Object.entries(optionsOf),
    [block, "--blkio-weight, --device-read-bps and the like"],
  ];
  if (host.driver === "v1") {
    needed.push(["devices", "device rules"], ["freezer", "pause"], ["cpuacct", "CPU usage in stats"]);
  }
  return needed
    .filter(([name]) => !host.controllers.has(name))
    .map(([name, what]) => ({
      what,
      why:
        host.driver === "v2"
          ? `${host.root}/cgroup.controllers lacks ${name}`
          : `no ${name} hierarchy is mounted`,
      remedy: name === "memory" ? "boot with cgroup_enable=memory" : undefined,
    }));
}

/** The weight files are there on many a host; only a disk scheduled by BFQ heeds them (io.weight: also blk-iocost). */
function weights(host: CgroupHost): Shortcoming[] {
  if (!host.controllers.has(host.driver === "v2" ? "io" : "blkio")) return [];
  const disks = existsSync("/sys/block") ? readdirSync("/sys/block") : [];
  const heeds = disks.some((disk) => readFileIfAny(`/sys/block/${disk}/queue/scheduler`)?.includes("[bfq]"));
  if (heeds) return [];
  const why = "accepted, but no disk here has the bfq scheduler, which alone heeds it";
  return [{ what: "--blkio-weight", why, remedy: "echo bfq > /sys/block/DISK/queue/scheduler" }];
}

function pressure(): Shortcoming[] {
  try {
    if (readFileIfAny("/proc/pressure/memory") !== undefined) return [];
  } catch {
    // EOPNOTSUPP: built in, but off.
  }
  return [{ what: "pressure in stats", why: "the kernel does not measure it", remedy: "boot with psi=1" }];
}

function describeV1(host: V1Host): Shortcoming[] {
  const found: Shortcoming[] = [];
  const memory = host.controllers.get("memory");
  if (memory !== undefined && !existsSync(join(memory, "memory.memsw.limit_in_bytes"))) {
    found.push({
      what: "--memory-swap",
      why: "the kernel does not count swap",
      remedy: "boot with swapaccount=1",
    });
  }
  if (memory !== undefined && !existsSync(join(memory, "memory.soft_limit_in_bytes"))) {
    found.push({ what: "--memory-reservation", why: "the kernel has no memory.soft_limit_in_bytes" });
  }
  const why = "the controllers are on cgroup v1";
  found.push({
    what: "--memory-high, --memory-min, --oom-group, --cgroup-conf, events of pressure",
    why,
    remedy: "boot with cgroup_no_v1=all",
  });
  const cpu = host.controllers.get("cpu");
  if (cpu !== undefined && !existsSync(join(cpu, "cpu.rt_runtime_us")))
    found.push({ what: "--cpu-rt-runtime", why: "the kernel is built without CONFIG_RT_GROUP_SCHED" });
  return found;
}

function describeV2(host: V2Host): Shortcoming[] {
  const found: Shortcoming[] = [];
  try {
    const program = deviceProgram([
      { allow: false, type: "a", major: undefined, minor: undefined, access: "rwm" },
    ]);
    if (program !== undefined) closeSync(loadDeviceProgram(program));
  } catch (error) {
    found.push({ what: "device rules", why: messageOf(error) });
  }
  const [child] = readdirSync(host.root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  if (child !== undefined && existsSync(join(host.root, child.name, "memory.max"))) {
    if (!existsSync(join(host.root, child.name, "memory.swap.max"))) {
      found.push({
        what: "--memory-swap",
        why: "the kernel does not count swap",
        remedy: "boot with swapaccount=1",
      });
    }
  }
  const what = "--oom-kill-disable, --memory-swappiness, --cpu-rt-runtime";
  found.push({ what, why: "cgroup v2 has no such thing" });
  return found;
}

/** Looks at the host for `info` and `doctor`: which controllers there are, and what cannot be enforced, and why. */
export function describeHost(host: CgroupHost): CgroupDescription {
  const controllers =
    host.driver === "v2"
      ? [...host.controllers].map((name) => ({ name, mountPoint: host.root }))
      : [...host.controllers].map(([name, mountPoint]) => ({ name, mountPoint }));
  const absence = absenceOf(host);
  if (absence !== undefined)
    return { driver: host.driver, controllers, shortcomings: [{ what: "every limit", why: absence }] };
  return {
    driver: host.driver,
    controllers,
    shortcomings: [
      ...missingControllers(host),
      ...(host.driver === "v2" ? describeV2(host) : describeV1(host)),
      ...weights(host),
      // Version 1 has none for a group, whatever the kernel measures.
      ...(host.driver === "v2" ? pressure() : []),
    ],
  };
}

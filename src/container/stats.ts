import { readFileSync } from "node:fs";
import { totalmem } from "node:os";
import { absenceOf, type CgroupHost, detectCgroups } from "../../cgroup/host.ts";
import { homeDirectory } from "../../cgroup/place.ts";
import { listProcesses, readFileIfAny } from "../../cgroup/processes.ts";
import { type CgroupUsage, readUsage } from "../../cgroup/stats.ts";
import { monotonicMs } from "../core/clock.ts";
import { hasErrno } from "../core/errors.ts";
import { join } from "../core/join.ts";
import { isAlive } from "../sys/process.ts";
import { usageOfProcesses } from "./process-usage.ts";
import type { ContainerRecord } from "./record.ts";

/** What of the host a sample is measured against: the same for all containers that are looked at together. */
export interface HostSample {
  readonly cgroups: CgroupHost;
  /** Milliseconds since 1970, and on a clock that nobody sets. */
  readonly at: number;
  readonly clock: number;
  /** CPU time of the whole host since boot, idle time included, in nanoseconds. */
  readonly cpuTime: number;
  readonly cpus: number;
  readonly memory: number;
}

/** What went through one interface of a container, as /proc/PID/net/dev counts. */
export interface InterfaceCounters {
  readonly name: string;
  readonly received: Traffic;
  readonly sent: Traffic;
}

interface Traffic {
  readonly bytes: number;
  readonly packets: number;
  readonly errors: number;
  readonly dropped: number;
}

/** What one container uses at one moment. Parts are undefined when nothing counts them, or it does not run. */
export interface StatsSample extends CgroupUsage {
  readonly id: string;
  readonly name: string;
  readonly running: boolean;
  readonly host: HostSample;
  /** Interfaces of its network namespace but the loopback; none with the host's network. */
  readonly interfaces: readonly InterfaceCounters[];
}

const nanosecondsPerTick = 1e7;

/** The `cpu` line of /proc/stat: user, nice, system, idle, iowait, irq and softirq, as docker adds them up. */
export function parseHostCpu(stat: string): { readonly time: number; readonly cpus: number } {
  const fields = stat.slice(0, stat.indexOf("\n")).split(/\s+/).slice(1, 8);
  const ticks = fields.reduce((sum, field) => sum + Number(field), 0);
  return { time: ticks * nanosecondsPerTick, cpus: stat.match(/^cpu\d/gm)?.length ?? 1 };
}

/** Looks at the host once, for any number of {@link sampleStats}. */
export function sampleHost(cgroups: CgroupHost = detectCgroups()): HostSample {
  const { time, cpus } = parseHostCpu(readFileSync("/proc/stat", "utf8"));
  return {
    cgroups,
    at: Date.now(),
    clock: monotonicMs(),
    cpuTime: time,
    cpus,
    memory: totalmem(),
  };
}

/** proc_pid_net(5): name, then eight numbers received and eight sent: bytes packets errs drop fifo frame compressed multicast. */
export function parseInterfaces(text: string): InterfaceCounters[] {
  return text.split("\n").flatMap((line) => {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(colon, 0)).trim();
    if (name === "" || name === "lo") return [];
    const numbers = line
      .slice(colon + 1)
      .trim()
      .split(/\s+/)
      .map(Number);
    const traffic = (at: number): Traffic => ({
      bytes: numbers[at] ?? 0,
      packets: numbers[at + 1] ?? 0,
      errors: numbers[at + 2] ?? 0,
      dropped: numbers[at + 3] ?? 0,
    });
    return { name, received: traffic(0), sent: traffic(8) };
  });
}

/** A file of a process; undefined when that has gone. */
function readOf(pid: number | string, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch (error) {
    if (hasErrno(error, "ENOENT", "ESRCH", "EINVAL", "EACCES", "EPERM")) return undefined;
    throw error;
  }
}

function interfacesOf({ network, init }: ContainerRecord): InterfaceCounters[] {
  if (network.kind === "host" || init === undefined) return [];
  return parseInterfaces(readOf(init.pid, "net/dev") ?? "");
}

/** The processes of a container's cgroup itself. */
function pidsIn(host: CgroupHost, path: string): string[] {
  const pids = readFileIfAny(join(homeDirectory(host, path), "cgroup.procs")) ?? "";
  return pids.split("\n").filter((pid) => pid !== "" && pid !== "0");
}

/** The processes of a container that has no cgroup; undefined for one that has. */
function listIfUncounted(host: CgroupHost, path: string, init: number): number[] | undefined {
  return absenceOf(host) === undefined ? undefined : listProcesses(host, path, init);
}

/**
 * Bytes from and to block devices as the processes themselves count them, with those of children they have awaited; for
 * a container whose cgroup counts none, because no limit of blkio was asked for. The devices are not known: 0:0.
 */
function countedByProcesses(pids: readonly (number | string)[]): CgroupUsage["block"] {
  let [readBytes, writeBytes] = [0, 0];
  for (const pid of pids) {
    const text = readOf(pid, "io") ?? "";
    readBytes += Number(/^read_bytes: (\d+)$/m.exec(text)?.[1] ?? 0);
    writeBytes += Number(/^write_bytes: (\d+)$/m.exec(text)?.[1] ?? 0);
  }
  return [{ major: 0, minor: 0, readBytes, writeBytes, readOps: 0, writeOps: 0 }];
}

/**
 * What a container uses now, in a dozen small files. Of one that does not run, or has ended meanwhile, nothing is known.
 * @param host The same for several containers, so that it is looked at once.
 */
export function sampleStats(record: ContainerRecord, host: HostSample = sampleHost()): StatsSample {
  const { id, name, cgroup, init } = record;
  const about = { id, name, host };
  if (
    (record.state === "running" || record.state === "paused") &&
    cgroup !== undefined &&
    init !== undefined
  ) {
    const pids = listIfUncounted(host.cgroups, cgroup, init.pid);
    const usage =
      pids === undefined ? readUsage(host.cgroups, cgroup) : { ...usageOfProcesses(pids), block: undefined };
    const block = usage.block ?? countedByProcesses(pids ?? pidsIn(host.cgroups, cgroup));
    const interfaces = interfacesOf(record);
    // Asked afterwards: what lives now is what was looked at.
    if (isAlive(init)) return { ...about, ...usage, block, running: true, interfaces };
  }
  const nothing = { cpu: undefined, memory: undefined, pids: undefined, block: undefined };
  return { ...about, ...nothing, running: false, interfaces: [] };
}

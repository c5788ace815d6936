import type { InterfaceCounters, StatsSample } from "./stats.ts";
import { memoryLimit } from "./usage.ts";

/** The time that docker's programs, written in Go, take for none. */
const never = "0001-01-01T00:00:00Z";
const nanosecondsPerMicrosecond = 1000;

/** One entry of blkio_stats. */
interface BlockEntry {
  readonly major: number;
  readonly minor: number;
  readonly op: string;
  readonly value: number;
}

interface DockerCpu {
  readonly cpu_usage: {
    readonly total_usage: number;
    readonly usage_in_kernelmode: number;
    readonly usage_in_usermode: number;
  };
  readonly system_cpu_usage?: number;
  readonly online_cpus?: number;
  readonly throttling_data: {
    readonly periods: number;
    readonly throttled_periods: number;
    readonly throttled_time: number;
  };
}

/** The answer of GET /containers/ID/stats, as far as its readers use it. */
export interface DockerStats {
  readonly id: string;
  /** With a slash in front, as docker has it. */
  readonly name: string;
  readonly read: string;
  readonly preread: string;
  readonly num_procs: number;
  readonly storage_stats: object;
  readonly cpu_stats: DockerCpu;
  readonly precpu_stats: DockerCpu;
  readonly memory_stats: object;
  readonly pids_stats: { readonly current?: number; readonly limit?: number };
  readonly blkio_stats: Readonly<Record<string, readonly BlockEntry[] | null>>;
  /** Absent with the host's network, without a network, and when it does not run. */
  readonly networks?: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

function cpuOf(sample: StatsSample | undefined): DockerCpu {
  const { usage = 0, user = 0, system = 0, throttling } = sample?.cpu ?? {};
  const times = {
    cpu_usage: {
      total_usage: usage * nanosecondsPerMicrosecond,
      usage_in_kernelmode: system * nanosecondsPerMicrosecond,
      usage_in_usermode: user * nanosecondsPerMicrosecond,
    },
    throttling_data: {
      periods: throttling?.periods ?? 0,
      throttled_periods: throttling?.throttled ?? 0,
      throttled_time: (throttling?.time ?? 0) * nanosecondsPerMicrosecond,
    },
  };
  if (sample === undefined || !sample.running) return times;
  return { ...times, system_cpu_usage: sample.host.cpuTime, online_cpus: sample.host.cpus };
}

/** docker's names of the kinds, which follow the kernel's: `Read` on cgroup v1, `read` on v2. */
function blockOf({ block, host }: StatsSample): DockerStats["blkio_stats"] {
  const [read, write] = host.cgroups.driver === "v2" ? ["read", "write"] : ["Read", "Write"];
  const entries = (reads: "readBytes" | "readOps", writes: "writeBytes" | "writeOps"): BlockEntry[] =>
    (block ?? []).flatMap((device) => {
      const { major, minor } = device;
      return [
        { major, minor, op: read ?? "", value: device[reads] },
        { major, minor, op: write ?? "", value: device[writes] },
      ];
    });
  return {
    io_service_bytes_recursive: block === undefined ? null : entries("readBytes", "writeBytes"),
    io_serviced_recursive: block === undefined ? null : entries("readOps", "writeOps"),
    io_queue_recursive: null,
    io_service_time_recursive: null,
    io_wait_time_recursive: null,
    io_merged_recursive: null,
    io_time_recursive: null,
    sectors_recursive: null,
  };
}

function countersOf({ received, sent }: InterfaceCounters): Record<string, number> {
  return {
    rx_bytes: received.bytes,
    rx_packets: received.packets,
    rx_errors: received.errors,
    rx_dropped: received.dropped,
    tx_bytes: sent.bytes,
    tx_packets: sent.packets,
    tx_errors: sent.errors,
    tx_dropped: sent.dropped,
  };
}

function timeOf(sample: StatsSample | undefined): string {
  return sample?.running === true ? new Date(sample.host.at).toISOString() : never;
}

/**
 * A sample as the Docker Engine API has it. `previous` becomes precpu_stats, from which clients compute the CPU share;
 * without one (one-shot) that is empty. All figures of a container that does not run are 0.
 */
export function dockerStats(sample: StatsSample, previous?: StatsSample): DockerStats {
  const { memory, pids, interfaces } = sample;
  const limit = pids?.limit === undefined ? {} : { limit: pids.limit };
  const networks = interfaces.map((counters) => [counters.name, countersOf(counters)] as const);
  return {
    id: sample.id,
    name: `/${sample.name}`,
    read: timeOf(sample),
    preread: timeOf(previous),
    num_procs: 0,
    storage_stats: {},
    cpu_stats: cpuOf(sample),
    precpu_stats: cpuOf(previous),
    memory_stats:
      memory === undefined
        ? {}
        : { usage: memory.current, limit: memoryLimit(sample), stats: memory.counters },
    pids_stats: pids === undefined ? {} : { current: pids.current, ...limit },
    blkio_stats: blockOf(sample),
    ...(networks.length === 0 ? {} : { networks: Object.fromEntries(networks) }),
  };
}

import { describe, expect, test } from "vitest";
import { parsePressure } from "../../../cgroup/v2/stats.ts";
import { bar } from "../../../src/cli/bar.ts";
import { addBars, describeUsage } from "../../../src/cli/stats-row.ts";
import { dockerStats } from "../../../src/container/docker-stats.ts";
import type { ContainerRecord } from "../../../src/container/record.ts";
import { parseHostCpu, parseInterfaces, type StatsSample } from "../../../src/container/stats.ts";
import { usageOf } from "../../../src/container/usage.ts";
import { formatDecimalBytes } from "../../../src/core/units.ts";

const MiB = 1024 * 1024;
const id = "0123456789abcdef".repeat(4);
const record: ContainerRecord = {
  version: 1,
  id,
  name: "web",
  image: "lab:latest",
  command: ["sh"],
  created: "2026-01-02T03:04:05.000Z",
  labels: {},
  state: "running",
  foreground: true,
  keep: false,
  bootId: "x",
  network: { kind: "none" },
  endpoints: [],
  resources: { cpu: { quota: 50_000, period: 100_000 } },
  layers: [],
};

function sampleAt(ms: number, cpu: number, changes: Partial<StatsSample> = {}): StatsSample {
  const host = {
    cgroups: { driver: "v2", root: "/sys/fs/cgroup", controllers: new Set<string>() } as const,
    at: ms,
    clock: ms,
    cpuTime: 2 * ms * 1e6,
    cpus: 2,
    memory: 1024 * MiB,
  };
  return {
    id,
    name: "web",
    running: true,
    host,
    cpu: { usage: cpu, user: cpu - 10, system: 10, throttling: { periods: 4, throttled: 2, time: 7 } },
    memory: {
      current: 50 * MiB,
      limit: 64 * MiB,
      anonymous: MiB,
      cache: 40 * MiB,
      inactiveFile: 34 * MiB,
      counters: { anon: MiB, inactive_file: 34 * MiB },
    },
    pids: { current: 3, limit: undefined },
    block: [
      { major: 8, minor: 0, readBytes: 1000, writeBytes: 20, readOps: 3, writeOps: 1 },
      { major: 8, minor: 16, readBytes: 500, writeBytes: 0, readOps: 1, writeOps: 0 },
    ],
    interfaces: [
      {
        name: "eth0",
        received: { bytes: 1090, packets: 2, errors: 0, dropped: 1 },
        sent: { bytes: 7, packets: 1, errors: 0, dropped: 0 },
      },
    ],
    ...changes,
  };
}
const stopped: Partial<StatsSample> = {
  running: false,
  cpu: undefined,
  memory: undefined,
  pids: undefined,
  block: undefined,
  interfaces: [],
};

test("/proc/stat: all time of all CPUs, idle included", () => {
  const text = "cpu  10 20 30 40 50 60 70 80 0 0\ncpu0 1 2\ncpu1 3 4\nintr 5\n";
  expect(parseHostCpu(text)).toEqual({ time: 280 * 1e7, cpus: 2 });
});

test("/proc/PID/net/dev, without the loopback", () => {
  const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     100       1    0    0    0     0          0         0      100       1    0    0    0     0       0          0
  eth0:    2266      25    1    2    0     0          0         0      402       5    3    4    0     0       0          0
`;
  expect(parseInterfaces(text)).toEqual([
    {
      name: "eth0",
      received: { bytes: 2266, packets: 25, errors: 1, dropped: 2 },
      sent: { bytes: 402, packets: 5, errors: 3, dropped: 4 },
    },
  ]);
  expect(parseInterfaces("")).toEqual([]);
});

test("pressure, with and without a line for all processes", () => {
  const some = "some avg10=1.50 avg60=0.20 avg300=0.00 total=1234\n";
  const line = { avg10: 1.5, avg60: 0.2, avg300: 0, total: 1234 };
  expect(parsePressure(some)).toEqual({ some: line, full: undefined });
  expect(parsePressure(`${some}full avg10=0.00 avg60=0.00 avg300=0.00 total=7\n`)?.full?.total).toBe(7);
  expect(parsePressure(undefined)).toBeUndefined();
});

describe("usage", () => {
  test("CPU since the sample before, memory without cache that is given up", () => {
    expect(usageOf(sampleAt(3000, 900_000), sampleAt(1000, 400_000))).toEqual({
      cpuPercent: 25,
      memory: 16 * MiB,
      memoryLimit: 64 * MiB,
      memoryPercent: 25,
      received: 1090,
      sent: 7,
      read: 1500,
      written: 20,
      pids: 3,
    });
  });

  test("no sample before, or a fresh start since then: no share of CPU", () => {
    expect(usageOf(sampleAt(3000, 900), undefined).cpuPercent).toBe(0);
    expect(usageOf(sampleAt(3000, 900), sampleAt(1000, 400_000)).cpuPercent).toBe(0);
    expect(usageOf(sampleAt(3000, 900), sampleAt(1000, 0, stopped)).cpuPercent).toBe(0);
  });

  test("not limited: all the host has", () => {
    const memory = { ...sampleAt(0, 0).memory, limit: undefined };
    const sample = sampleAt(0, 0, { memory: memory as StatsSample["memory"] });
    expect(usageOf(sample, undefined).memoryLimit).toBe(1024 * MiB);
  });
});

describe("the Docker API's stats", () => {
  test("clients compute the same share of CPU from it", () => {
    const [before, after] = [sampleAt(1000, 400_000), sampleAt(3000, 900_000)];
    const { cpu_stats: cpu, precpu_stats: pre, ...rest } = dockerStats(after, before);
    const spent = cpu.cpu_usage.total_usage - pre.cpu_usage.total_usage;
    const elapsed = (cpu.system_cpu_usage ?? 0) - (pre.system_cpu_usage ?? 0);
    expect((spent / elapsed) * (cpu.online_cpus ?? 0) * 100).toBe(usageOf(after, before).cpuPercent);
    expect(cpu.throttling_data).toEqual({ periods: 4, throttled_periods: 2, throttled_time: 7000 });
    expect(rest).toMatchObject({
      id,
      name: "/web",
      read: "1970-01-01T00:00:03.000Z",
      preread: "1970-01-01T00:00:01.000Z",
      memory_stats: { usage: 50 * MiB, limit: 64 * MiB, stats: { inactive_file: 34 * MiB } },
      pids_stats: { current: 3 },
      networks: { eth0: { rx_bytes: 1090, rx_packets: 2, rx_errors: 0, rx_dropped: 1, tx_bytes: 7 } },
    });
    expect(rest.blkio_stats["io_service_bytes_recursive"]).toEqual([
      { major: 8, minor: 0, op: "read", value: 1000 },
      { major: 8, minor: 0, op: "write", value: 20 },
      { major: 8, minor: 16, op: "read", value: 500 },
      { major: 8, minor: 16, op: "write", value: 0 },
    ]);
  });

  test("of a container that does not run", () => {
    const stats = dockerStats(sampleAt(1, 0, stopped));
    expect(stats).toMatchObject({ read: "0001-01-01T00:00:00Z", pids_stats: {}, memory_stats: {} });
    expect(stats).not.toHaveProperty("networks");
    expect(stats.cpu_stats).not.toHaveProperty("system_cpu_usage");
  });
});

describe("what stats shows", () => {
  const shown = (sample: StatsSample) =>
    describeUsage(record, sample, usageOf(sample, sampleAt(1000, 400_000)), false);

  test("a row, and shares of what it may use", () => {
    expect(shown(sampleAt(3000, 900_000))).toEqual({
      row: {
        Container: "0123456789ab",
        ID: "0123456789ab",
        Name: "web",
        CPUPerc: "25.00%",
        MemUsage: "16MiB / 64MiB",
        MemPerc: "25.00%",
        NetIO: "1.09kB / 7B",
        BlockIO: "1.5kB / 20B",
        PIDs: "3",
        LimitsHit: "none",
      },
      cpuShare: 0.5,
      memoryShare: 0.25,
    });
    expect(shown(sampleAt(3000, 0, stopped)).row).toMatchObject({ CPUPerc: "--", MemUsage: "-- / --" });
  });

  test("what limits have done, where they have done something", () => {
    const plain = { dim: String, bold: String, colour: (_: number, text: string) => text };
    const limited = { ...record, limitEvents: { counts: { oom: 1, throttled: 3 }, last: [] } };
    const sample = sampleAt(3000, 900_000);
    const row = describeUsage(limited, sample, usageOf(sample, sampleAt(1000, 400_000)), false);
    expect(row.row.LimitsHit).toBe("oom 1, throttled 3");
    const [heading, line] = addBars([row], 200, plain, { LANG: "C" }).split("\n");
    expect(heading).toMatch(/PIDS {3}LIMITS HIT$/);
    expect(line).toMatch(/3 +oom 1, throttled 3$/);
  });

  test("bars beside the figures", () => {
    const plain = { dim: String, bold: String, colour: (_: number, text: string) => text };
    const at = (width: number) =>
      addBars([shown(sampleAt(3000, 900_000))], width, plain, { LANG: "C" }).split("\n");
    expect(at(90)[0]).not.toContain("BLOCK");
    expect(at(60)).toEqual([
      "CONTAINER ID   NAME   CPU %           MEM USAGE / LIMIT   MEM %           PIDS",
      "0123456789ab   web     25.00% ###..   16MiB / 64MiB        25.00% #....   3",
      "",
    ]);
    expect(at(130)[1]).toBe(
      "0123456789ab   web     25.00% #####.....   16MiB / 64MiB        25.00% ###.......   1.09kB / 7B   1.5kB / 20B   3",
    );
  });

  test.each([
    [0, "··········"],
    [0.5, "█████·····"],
    [0.5625, "█████▋····"],
    [1, "██████████"],
    [7, "██████████"],
  ])("a bar of %d", (share, expected) => {
    expect(bar(share, 10, true)).toBe(expected);
  });

  test("traffic", () => {
    expect([0, 999, 1000, 1090, 24_570, 1.5e9].map(formatDecimalBytes)).toEqual(
      ["0B", "999B", "1kB", "1.09kB", "24.6kB", "1.5GB"], // docker's own
    );
  });
});

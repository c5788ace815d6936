import type { UpdateRequest } from "../../container/update.ts";
import { UsageError } from "../../core/errors.ts";
import type { OciResources } from "../../core/oci.ts";
import type { Flags } from "../flags.ts";
import type { HostView } from "../host-view.ts";
import { field } from "../number.ts";
import type { OptionTable } from "../option-row.ts";
import { blockIoOptions, readBlockIo } from "./block-io.ts";
import { cpuOptions, readCpu, readCpus } from "./cpu.ts";
import { hugePageOptions, readHugePages } from "./huge-pages.ts";
import { memoryOptions, readMemory } from "./memory.ts";
import { processOptions, readPids } from "./processes.ts";
import { parseRestart } from "./restart.ts";
import { readUnified, unifiedOptions } from "./unified.ts";

const changeable: ReadonlySet<string> = new Set([
  "memory",
  "memory-swap",
  "memory-reservation",
  "cpus",
  "cpu-shares",
  "cpu-quota",
  "cpu-period",
  "cpu-rt-runtime",
  "cpu-rt-period",
  "cpuset-cpus",
  "cpuset-mems",
  "pids-limit",
  "blkio-weight",
  "blkio-weight-device",
  "device-read-bps",
  "device-write-bps",
  "device-read-iops",
  "device-write-iops",
  "memory-swappiness",
  "memory-high",
  "memory-min",
  "oom-group",
  "cgroup-conf",
  "hugetlb-limit",
]);

/** The options of `update`: those limits of `run` that can be changed of a container that runs, and when it restarts. */
export const updateOptions: readonly OptionTable[] = [
  {
    heading: "Limits:",
    rows: [memoryOptions, unifiedOptions, cpuOptions, blockIoOptions, processOptions, hugePageOptions]
      .flatMap(({ rows }) => rows)
      .filter(({ flags }) => changeable.has(/--([\w-]+)/.exec(flags)?.[1] ?? "")),
  },
  {
    heading: "Life:",
    rows: [{ flags: "--restart <policy>", about: "no, on-failure[:TIMES], always or unless-stopped" }],
  },
];

/** What is to be changed. @throws UsageError when nothing is, or for values that are not understood. */
export function readUpdate(flags: Flags, view: HostView): UpdateRequest {
  const resources: OciResources = {
    ...field("memory", readMemory(flags, true)),
    ...field("cpu", readCpu(flags)),
    ...field("pids", readPids(flags)),
    ...field("blockIO", readBlockIo(flags, view)),
    ...field("hugepageLimits", readHugePages(flags)),
    ...field("unified", readUnified(flags)),
  };
  const given = flags.one("restart");
  if (Object.keys(resources).length === 0 && given === undefined)
    throw new UsageError(
      "update: expected something to change, such as --memory 64m; see mdocker update --help",
    );
  return {
    ...(Object.keys(resources).length === 0 ? {} : { resources }),
    ...field("cpus", readCpus(flags)),
    ...field("restart", given === undefined ? undefined : parseRestart(given)),
  };
}

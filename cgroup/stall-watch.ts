import { join } from "../src/core/join.ts";
import type { OciResources } from "../src/core/oci.ts";
import type { CgroupHost } from "./host.ts";
import { keyedAll } from "./keyed.ts";
import { lookNowAndThen } from "./look.ts";
import { checkPath, directoryFor } from "./place.ts";
import { readFileIfAny } from "./processes.ts";
import type { Pressure } from "./stats.ts";
import { watchPressureFile } from "./v2/pressure-trigger.ts";
import { parsePressure } from "./v2/stats.ts";

/** That a container's own limits make it wait, as long as they do. */
export type Stall =
  | {
      readonly resource: "memory" | "io";
      /** Percent of the last ten seconds in which some process waited, and in which all did. */
      readonly some: number;
      readonly full: number;
    }
  | {
      readonly resource: "cpu";
      /** Since it was watched: periods in which --cpus was used up early, and microseconds waited then. */
      readonly periods: number;
      readonly waited: number;
    };

/** A part of the time that is worth telling: as the kernel's triggers have it (v2/pressure-trigger.ts). */
const worthTelling = 0.15;

/** What avg10 of the kernel is of, in microseconds. */
const averagedOver = 10_000_000;

function throttling(directory: string): { readonly periods: number; readonly waited: number } {
  const stat = keyedAll(readFileIfAny(join(directory, "cpu.stat")) ?? "");
  const waited = stat["throttled_usec"] ?? (stat["throttled_time"] ?? 0) / 1000;
  return { periods: stat["nr_throttled"] ?? 0, waited: Math.floor(waited) };
}

/** v2: all of it wait for a CPU, and its quota is why; v1, and without pressure: by looking. */
function watchCpu(host: CgroupHost, path: string, told: (stall: Stall) => void): (() => void) | undefined {
  const directory = directoryFor(host, "cpu", path);
  if (directory === undefined) return undefined;
  const first = throttling(directory);
  let before = { ...first, at: Date.now() };
  const look = (part: number): void => {
    const now = { ...throttling(directory), at: Date.now() };
    const longEnough = now.waited - before.waited >= (now.at - before.at) * 1000 * part;
    const more = now.periods > before.periods && longEnough;
    before = now;
    if (more)
      told({ resource: "cpu", periods: now.periods - first.periods, waited: now.waited - first.waited });
  };
  const byNotice =
    host.driver === "v2"
      ? watchPressureFile(join(directory, "cpu.pressure"), "full", () => look(0))
      : undefined;
  return byNotice ?? lookNowAndThen(() => look(worthTelling));
}

function watchFile(
  directory: string,
  resource: "memory" | "io",
  told: (stall: Stall) => void,
): (() => void) | undefined {
  const file = join(directory, `${resource}.pressure`);
  const look = (): Pressure | undefined => parsePressure(readFileIfAny(file));
  let before = look();
  return watchPressureFile(file, "some", () => {
    const now = look();
    // The kernel brings its averages up to date every two seconds: what has just begun is in the totals alone.
    const part = (kind: "some" | "full"): number => {
      const { avg10 = 0, total = 0 } = now?.[kind] ?? {};
      const recent = Math.min(100, (total - (before?.[kind]?.total ?? 0)) / (averagedOver / 100));
      return Math.round(Math.max(avg10, recent) * 100) / 100;
    };
    const stall = { resource, some: part("some"), full: part("full") };
    before = now;
    told(stall);
  });
}

/** What of a container can make it wait: without limits, nothing of its own does, and nothing is watched. */
export function stallsOf({ memory, cpu, blockIO, unified }: OciResources): readonly Stall["resource"][] {
  const { weight: _, weightDevice: __, ...rates } = blockIO ?? {};
  const memoryLimited = (memory?.limit ?? 0) > 0 || /^\d/.test(unified?.["memory.high"] ?? "");
  return [
    ...(memoryLimited ? (["memory"] as const) : []),
    ...(Object.values(rates).some((list) => list.length > 0) ? (["io"] as const) : []),
    ...((cpu?.quota ?? 0) > 0 ? (["cpu"] as const) : []),
  ];
}

/**
 * Tells, at most once a second for each resource, that a container waits for what its limits keep from it: for memory and
 * disks where the kernel measures pressure (v2), for CPU time everywhere. By notification; on v1 CPU time is looked at
 * every two seconds. The answer ends it.
 */
export function watchStalls(
  host: CgroupHost,
  path: string,
  resources: OciResources,
  told: (stall: Stall) => void,
): () => void {
  checkPath(path);
  const ends = stallsOf(resources).map((resource) => {
    if (resource === "cpu") return watchCpu(host, path, told);
    return host.driver === "v2" ? watchFile(join(host.root, path), resource, told) : undefined;
  });
  return () => {
    for (const end of ends) end?.();
  };
}

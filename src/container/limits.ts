import { setTimeout as pause } from "node:timers/promises";
import { detectCgroups } from "../../cgroup/host.ts";
import { type LimitHits, type LimitInForce, readInForce } from "../../cgroup/in-force.ts";
import { type CgroupStats, readStats, readUsage } from "../../cgroup/stats.ts";
import { sizeIn } from "../../cgroup/unified.ts";
import { monotonicMs } from "../core/clock.ts";
import { ConflictError } from "../core/errors.ts";
import type { ContainerRecord } from "./record.ts";
import { isLive } from "./refresh.ts";

/** The limits of a container, what it uses of them, and what it met. */
export interface LimitsReport {
  readonly container: string;
  readonly id: string;
  /** Path of its cgroup below the hierarchy, or hierarchies. */
  readonly cgroup: string;
  readonly driver: "v1" | "v2";
  readonly limits: readonly LimitInForce[];
  /** Undefined where the kernel does not tell: v1, or pressure stall information switched off. */
  readonly pressure: CgroupStats["pressure"];
}

/** The use of CPU time is that of so long. */
const lookMs = 250;

/** What the kernel does not count, but who keeps it does: the supervisor, or the run that it belongs to. */
function countedFor({ softLimit, stalls }: ContainerRecord): ReadonlyMap<string, LimitHits> {
  const io = { what: "times it waited", count: stalls?.io?.times ?? 0 };
  return new Map([
    ["--memory-reservation", { what: "times crossed", count: softLimit?.crossings ?? 0 }],
    ["--memory", { what: "times under pressure", count: stalls?.memory?.times ?? 0 }],
    ...["read-bps", "write-bps", "read-iops", "write-iops"].map((rate) => [`--device-${rate}`, io] as const),
  ]);
}

/**
 * Looks at what is in force for a container that runs; takes a quarter of a second, as the use of CPU time shows only
 * between two looks.
 * @throws ConflictError for one that does not run, or whose limits nobody enforces.
 */
export async function reportLimits(record: ContainerRecord): Promise<LimitsReport> {
  const { name, id, cgroup } = record;
  if (!isLive(record))
    throw new ConflictError(`container ${name} is not running: limits are in force while it runs`);
  const host = detectCgroups();
  if (cgroup === undefined)
    throw new ConflictError(`container ${name} has no cgroup: nothing limits it (see mdocker doctor)`);
  const [before, began] = [readUsage(host, cgroup).cpu?.usage, monotonicMs()];
  await pause(lookMs);
  const [{ cpu, pressure }, elapsed] = [readStats(host, cgroup), monotonicMs() - began];
  const after = cpu?.usage;
  const busy = before === undefined || after === undefined ? undefined : (after - before) / 1000 / elapsed;
  const limits = readInForce(host, cgroup, { high: sizeIn(record.resources.unified?.["memory.high"]) })
    .map((limit) => (limit.unit === "CPUs" ? { ...limit, used: busy } : limit))
    .map((limit) => {
      const counted = countedFor(record).get(limit.option);
      return counted === undefined ? limit : { ...limit, hits: [counted, ...limit.hits] };
    });
  if (limits.length === 0) throw new ConflictError(`container ${name} has just ended`);
  return { container: name, id, cgroup, driver: host.driver, limits, pressure };
}

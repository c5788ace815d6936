import { type CgroupHost, detectCgroups } from "../../cgroup/host.ts";
import { watchMemory } from "../../cgroup/memory-watch.ts";
import { sizeIn } from "../../cgroup/unified.ts";
import { messageOf } from "../core/errors.ts";
import { formatBytes } from "../core/units.ts";
import { grownMost, type Residents, readResidents } from "./grown.ts";
import type { ContainerRecord, SoftLimitRecord } from "./record.ts";

let host: CgroupHost | undefined;

function theHost(): CgroupHost {
  host ??= detectCgroups();
  return host;
}

/** One time that the memory of a container came above its soft limit. */
export type Crossing = NonNullable<SoftLimitRecord["last"]>;

/** A crossing in one line. */
export function describeCrossing({ limit, usage, process }: Crossing): string {
  const grown =
    process === undefined
      ? ""
      : `: ${process.name} (process ${process.pid}) has grown most, to ${formatBytes(process.resident)}`;
  return `soft limit: its memory, ${formatBytes(usage)}, is above ${formatBytes(limit)} (--memory-reservation)${grown}`;
}

interface Limits {
  readonly softLimit: number | undefined;
  readonly high: number | undefined;
}

function limitsOf({ resources: { memory, unified } }: ContainerRecord): Limits {
  const { reservation = 0 } = memory ?? {};
  return { softLimit: reservation > 0 ? reservation : undefined, high: sizeIn(unified?.["memory.high"]) };
}

/** What a {@link MemoryWatch} acts by. */
export interface MemoryActions {
  /** Takes down what is true of this run; undefined when it is over. */
  readonly change: (change: (record: ContainerRecord) => ContainerRecord) => ContainerRecord | undefined;
  readonly crossed: (record: ContainerRecord, crossing: Crossing) => void;
  readonly outOfMemory: (record: ContainerRecord) => void;
  /** Shows a line: it cannot be watched. */
  readonly say: (line: string) => void;
}

/** Tells of the memory of one container while it runs: that it has crossed its soft limit, that it has run out of it. */
export class MemoryWatch {
  readonly #actions: MemoryActions;
  #end: (() => void) | undefined;
  #watched: ({ readonly cgroup: string } & Limits) | undefined;
  #residents: Residents = new Map();
  /** Events of this run. */
  #ooms = 0;

  constructor(actions: MemoryActions) {
    this.#actions = actions;
  }

  /** True when it was told in this run that it had run out of memory. */
  get told(): boolean {
    return this.#ooms > 0;
  }

  /** A run has begun, or its soft limit may have changed. */
  watch(container: ContainerRecord): void {
    this.stop();
    const { cgroup, softLimit: record, name } = container;
    if (cgroup === undefined) return;
    const { softLimit, high } = limitsOf(container);
    this.#watched = { cgroup, softLimit, high };
    try {
      if (softLimit !== undefined) this.#residents = readResidents(theHost(), cgroup);
      this.#end = watchMemory(
        theHost(),
        cgroup,
        { softLimit, high, above: record?.above === true && record.last?.limit === softLimit },
        {
          crossed: (usage) => this.#crossed(usage),
          fell: () => this.#fell(),
          outOfMemory: () => this.#outOfMemory(),
        },
      );
    } catch (error) {
      this.#actions.say(`container ${name}: its memory is not watched: ${messageOf(error)}`);
    }
  }

  /** True when its limits are others than those that are watched. */
  isOutdated(record: ContainerRecord): boolean {
    const { softLimit, high } = limitsOf(record);
    return (
      this.#watched !== undefined && (this.#watched.softLimit !== softLimit || this.#watched.high !== high)
    );
  }

  stop(): void {
    this.#end?.();
    this.#end = undefined;
    this.#watched = undefined;
  }

  /** The run is over. */
  ended(): void {
    this.stop();
    this.#ooms = 0;
  }

  #crossed(usage: number): void {
    const { cgroup, softLimit: limit } = this.#watched ?? {};
    if (cgroup === undefined || limit === undefined) return;
    const now = readResidents(theHost(), cgroup);
    const process = grownMost(this.#residents, now);
    this.#residents = now;
    const last = { at: new Date().toISOString(), limit, usage, process };
    const record = this.#actions.change((before) => ({
      ...before,
      softLimit: { crossings: (before.softLimit?.crossings ?? 0) + 1, above: true, last },
    }));
    if (record === undefined) return;
    this.#actions.crossed(record, last);
  }

  #fell(): void {
    const { cgroup } = this.#watched ?? {};
    if (cgroup === undefined) return;
    this.#residents = readResidents(theHost(), cgroup);
    this.#actions.change((record) =>
      record.softLimit === undefined
        ? record
        : { ...record, softLimit: { ...record.softLimit, above: false } },
    );
  }

  #outOfMemory(): void {
    const record = this.#actions.change((now) => now);
    if (record === undefined) return;
    this.#ooms += 1;
    this.#actions.outOfMemory(record);
  }
}

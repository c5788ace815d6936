import type { Stall } from "../../cgroup/stall-watch.ts";
import { ForkWatch } from "./forks.ts";
import { type Crossing, describeCrossing, MemoryWatch } from "./memory.ts";
import type { ContainerRecord, LimitEvent, LimitLog } from "./record.ts";
import type { RunRecord } from "./run-record.ts";
import { describeStall, StallWatch } from "./stalls.ts";

/** How many of its last events a container's record keeps. */
const remembered = 16;

function crossingAttributes({ limit, usage, process }: Crossing): Record<string, string> {
  const { pid, name, resident } = process ?? {};
  const grown = pid === undefined ? {} : { pid: `${pid}`, process: `${name}`, resident: `${resident}` };
  return { limit: `${limit}`, usage: `${usage}`, ...grown };
}

function amountOf(stall: Stall): Record<string, string> {
  const { resource } = stall;
  if (stall.resource === "cpu") return { resource, periods: `${stall.periods}`, waited: `${stall.waited}` };
  return { resource, some: `${stall.some}`, full: `${stall.full}` };
}

/** What it is counted as: waiting for memory and for disks are two things. */
function kindOf({ action, attributes }: LimitEvent): string {
  return action === "pressure" ? `pressure ${attributes["resource"]}` : action;
}

/** The log with one more: of forks that are refused, once a second, only the last stays in it. */
export function withLimitEvent(log: LimitLog | undefined, event: LimitEvent): LimitLog {
  const { counts = {}, last = [] } = log ?? {};
  const kind = kindOf(event);
  const replaces = event.action === "pids_limit" && last.at(-1)?.action === "pids_limit";
  return {
    counts: { ...counts, [kind]: (counts[kind] ?? 0) + 1 },
    last: [...(replaces ? last.slice(0, -1) : last), event].slice(-remembered),
  };
}

/** Who is told what the limits of a container have done. */
export interface LimitListener {
  /** What has happened, and that in one line. */
  readonly happened: (record: ContainerRecord, event: LimitEvent, line: string | undefined) => void;
  /** Shows a line: something cannot be watched. */
  readonly say: (line: string) => void;
}

/**
 * Watches what the limits of one container do while it runs, by notification: memory, forks, waiting. Each event is in
 * the record of its run before it is told.
 */
export class LimitWatch {
  readonly #record: RunRecord;
  readonly #listener: LimitListener;
  readonly #memory: MemoryWatch;
  readonly #forks: ForkWatch;
  readonly #stalls: StallWatch;

  constructor(run: RunRecord, listener: LimitListener) {
    this.#record = run;
    this.#listener = listener;
    const { say } = listener;
    const change = (how: (record: ContainerRecord) => ContainerRecord): ContainerRecord | undefined =>
      run.change(how);
    this.#memory = new MemoryWatch({
      change,
      crossed: (_record, crossing) =>
        this.#happened("soft_limit", crossingAttributes(crossing), describeCrossing(crossing)),
      outOfMemory: () => this.#happened("oom", {}, undefined),
      say,
    });
    this.#forks = new ForkWatch(({ count, limit }) => {
      const most = limit === undefined ? "those of the host" : `its ${limit} (--pids-limit)`;
      const line = `${count} forks refused so far: it has as many processes as it may, ${most}`;
      this.#happened("pids_limit", { refused: `${count}`, limit: `${limit ?? -1}` }, line);
    }, say);
    this.#stalls = new StallWatch({
      change,
      stalled: (_record, stall) =>
        this.#happened(
          stall.resource === "cpu" ? "throttled" : "pressure",
          amountOf(stall),
          describeStall(stall),
        ),
      say,
    });
  }

  /** True when it was told in this run that it had run out of memory. */
  get toldOutOfMemory(): boolean {
    return this.#memory.told;
  }

  /** A run has begun, or is taken over. */
  watch(record: ContainerRecord): void {
    this.#memory.watch(record);
    this.#forks.watch(record);
    this.#stalls.watch(record);
  }

  /** Its limits may have been changed. */
  updated(record: ContainerRecord): void {
    if (this.#memory.isOutdated(record)) this.#memory.watch(record);
    // v1: it may have had no cgroup that counts processes so far.
    if (!this.#forks.watches) this.#forks.watch(record);
    this.#stalls.watch(record);
  }

  /** Nothing is watched any more; the run may go on. */
  stop(): void {
    this.#memory.stop();
    this.#forks.stop();
    this.#stalls.stop();
  }

  /** The run is over. */
  ended(): void {
    this.stop();
    this.#memory.ended();
  }

  #happened(action: LimitEvent["action"], attributes: LimitEvent["attributes"], line?: string): void {
    const event = { at: new Date().toISOString(), action, attributes };
    const record = this.#record.change((now) => ({
      ...now,
      limitEvents: withLimitEvent(now.limitEvents, event),
    }));
    if (record !== undefined) this.#listener.happened(record, event, line);
  }
}

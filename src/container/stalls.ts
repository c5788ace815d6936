import { detectCgroups } from "../../cgroup/host.ts";
import { type Stall, stallsOf, watchStalls } from "../../cgroup/stall-watch.ts";
import { messageOf } from "../core/errors.ts";
import type { ContainerRecord, StallRecord } from "./record.ts";

/** So long without waiting, and the next time is another: what goes on and off within it is told once. */
const calmMs = 10_000;

/** What a {@link StallWatch} acts by. */
export interface StallActions {
  /** Takes down what is true of this run; undefined when it is over. */
  readonly change: (change: (record: ContainerRecord) => ContainerRecord) => ContainerRecord | undefined;
  readonly stalled: (record: ContainerRecord, stall: Stall) => void;
  /** Shows a line: it cannot be watched. */
  readonly say: (line: string) => void;
}

/** The amount of a stall, in words. */
export function describeStall(stall: Stall): string {
  if (stall.resource === "cpu")
    return `its --cpus is used up: ${stall.periods} periods cut short, ${Math.round(stall.waited / 1000)} ms waited`;
  const [what, flag] =
    stall.resource === "memory"
      ? ["memory", "--memory, --memory-high"]
      : ["the disk", "--device-read-bps and the like"];
  return `it waits for ${what} (${flag}): some process ${stall.some}%, every one ${stall.full}% of the last 10 s`;
}

/** Tells of one container that its limits make it wait: once for each time that it begins to. */
export class StallWatch {
  readonly #actions: StallActions;
  readonly #calm = new Map<Stall["resource"], NodeJS.Timeout>();
  #watched = "";
  #end: (() => void) | undefined;

  constructor(actions: StallActions) {
    this.#actions = actions;
  }

  /** A run has begun, or its limits may have changed. */
  watch({ cgroup, resources, name }: ContainerRecord): void {
    const wanted = stallsOf(resources).join();
    if (wanted === this.#watched) return;
    this.stop();
    if (cgroup === undefined) return;
    this.#watched = wanted;
    try {
      this.#end = watchStalls(detectCgroups(), cgroup, resources, (stall) => this.#told(stall));
    } catch (error) {
      this.#actions.say(`container ${name}: what it waits for is not watched: ${messageOf(error)}`);
    }
  }

  stop(): void {
    this.#end?.();
    this.#end = undefined;
    this.#watched = "";
    for (const timer of this.#calm.values()) clearTimeout(timer);
    this.#calm.clear();
  }

  #told(stall: Stall): void {
    const { resource } = stall;
    const waiting = this.#calm.get(resource);
    clearTimeout(waiting);
    this.#calm.set(resource, setTimeout(() => this.#calm.delete(resource), calmMs).unref());
    if (waiting !== undefined) return;
    const last = new Date().toISOString();
    const record = this.#actions.change(({ stalls = {}, ...before }) => {
      const now: StallRecord = { times: (stalls[resource]?.times ?? 0) + 1, last };
      return { ...before, stalls: { ...stalls, [resource]: now } };
    });
    if (record !== undefined) this.#actions.stalled(record, stall);
  }
}

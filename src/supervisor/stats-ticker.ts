import { type CgroupHost, detectCgroups } from "../../cgroup/host.ts";
import type { ContainerRecord } from "../container/record.ts";
import { type StatsSample, sampleHost, sampleStats } from "../container/stats.ts";
import { readRecord } from "../container/store.ts";
import type { Instance } from "../core/paths.ts";

/** Docker's clients show a sample a second. */
const tickMs = 1_000;

/** Called with every sample; with undefined when the container has been removed. */
type Watcher = (sample: StatsSample | undefined) => void;

/** Samples what containers use once a second, each once for all who watch it, and only while somebody does. */
export class StatsTicker {
  readonly #instance: Instance;
  readonly #watchers = new Map<string, Set<Watcher>>();
  #cgroups: CgroupHost | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(instance: Instance) {
    this.#instance = instance;
  }

  /** One sample, now. */
  sample(record: ContainerRecord): StatsSample {
    return sampleStats(record, sampleHost(this.#host()));
  }

  /** Calls `watcher` each second from the next on, until the answer is called. */
  watch(id: string, watcher: Watcher): () => void {
    const watchers = this.#watchers.get(id) ?? new Set();
    watchers.add(watcher);
    this.#watchers.set(id, watchers);
    this.#timer ??= setInterval(() => this.#tick(), tickMs);
    return () => this.#leave(id, watcher);
  }

  #host(): CgroupHost {
    this.#cgroups ??= detectCgroups();
    return this.#cgroups;
  }

  #tick(): void {
    const host = sampleHost(this.#host());
    for (const [id, watchers] of this.#watchers) {
      const record = readRecord(this.#instance, id);
      const sample = record === undefined ? undefined : sampleStats(record, host);
      for (const watcher of watchers) watcher(sample);
    }
  }

  #leave(id: string, watcher: Watcher): void {
    const watchers = this.#watchers.get(id);
    watchers?.delete(watcher);
    if (watchers?.size === 0) this.#watchers.delete(id);
    if (this.#watchers.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

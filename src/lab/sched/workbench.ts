import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import type { CgroupHost } from "../../../cgroup/host.ts";
import { monotonicMs } from "../../core/clock.ts";
import { SetupError } from "../../core/errors.ts";
import type { Instance } from "../../core/paths.ts";
import { LoadContainer, type LoadRequest } from "./container.ts";
import type { Series } from "./finding.ts";

/** How often is looked while something is watched. */
const lookMs = 100;
const patienceMs = 30_000;
/** What a container lives longer than it is needed at most: its start, and a busy machine. */
const spareSeconds = 60;

/** What was used of one CPU. */
export interface Use {
  /** 0 to 1 for one CPU. */
  readonly shares: readonly number[];
  readonly series: readonly Series[];
  readonly seconds: number;
  /** What all of them had together, 0 to 1 for each CPU. */
  readonly total: number;
}

/** The numbers of a list as cpuset(7) has it: `0-2,5`. */
export function parseCpus(list: string): number[] {
  return list
    .trim()
    .split(",")
    .filter((part) => part !== "")
    .flatMap((part) => {
      const [first = Number.NaN, last = first] = part.split("-").map(Number);
      return Array.from({ length: last - first + 1 }, (_, at) => first + at);
    });
}

/** The CPUs that this process may run on. */
export function ownCpus(): number[] {
  const status = readFileSync("/proc/self/status", "utf8");
  return parseCpus(/^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1] ?? "0");
}

/** What an experiment works with: containers that are there only as long as it is. */
export class Workbench {
  readonly host: CgroupHost;
  /** The one CPU that it takes place on, and the others. */
  readonly cpu: number;
  readonly otherCpus: readonly number[];
  /** How long is watched. */
  readonly seconds: number;
  readonly #instance: Instance;
  readonly #signal: AbortSignal;
  readonly #containers = new Set<LoadContainer>();
  #serial = 0;

  constructor(
    instance: Instance,
    host: CgroupHost,
    { seconds, cpu, signal }: { seconds: number; cpu: number | undefined; signal: AbortSignal },
  ) {
    this.#instance = instance;
    this.#signal = signal;
    this.host = host;
    this.seconds = seconds;
    const all = ownCpus();
    this.cpu = cpu ?? all.at(-1) ?? 0;
    this.otherCpus = all.filter((one) => one !== this.cpu);
  }

  /** The flag that keeps a container on the experiment's CPU, or on another. */
  pinned(cpu: number = this.cpu): string[] {
    return ["--cpuset-cpus", String(cpu)];
  }

  /** Starts containers, waits until all are ready, and lets all begin at once. */
  async start(...requests: readonly Omit<LoadRequest, "atMostSeconds">[]): Promise<LoadContainer[]> {
    // Some are watched twice.
    const atMostSeconds = Math.ceil(3 * this.seconds) + spareSeconds;
    const started = requests.map((request) => {
      this.#signal.throwIfAborted();
      this.#serial += 1;
      const name = `lab-${process.pid}-${this.#serial}`;
      const one = new LoadContainer(this.#instance, this.host, name, { ...request, atMostSeconds });
      this.#containers.add(one);
      return one;
    });
    await Promise.all(started.map((one) => one.ready()));
    for (const one of started) one.begin();
    return started;
  }

  /** @throws AbortError when the user wants no more */
  async pause(ms: number): Promise<void> {
    await pause(ms, undefined, { signal: this.#signal });
  }

  /** Waits until something is so, or for half a minute: who waits looks at what has come of it. */
  async until(isSo: () => boolean): Promise<void> {
    const end = monotonicMs() + patienceMs;
    while (!isSo() && monotonicMs() < end) await this.pause(lookMs / 5);
  }

  /**
   * Watches what `usage` counts (milliseconds of CPU time, for each of `labels`) for the experiment's duration.
   * @param expected The share that each should have.
   */
  async watch(
    labels: readonly string[],
    usage: () => readonly number[],
    expected: readonly (number | undefined)[],
  ): Promise<Use> {
    // Where they begin is not how it goes on: the scheduler has to get to know them.
    await this.pause(200);
    const looks: { readonly at: number; readonly used: readonly number[] }[] = [];
    const look = (): void => {
      looks.push({ at: monotonicMs(), used: usage() });
    };
    look();
    const end = monotonicMs() + this.seconds * 1000;
    while (monotonicMs() < end) {
      await this.pause(lookMs);
      look();
    }
    const between = (from: number, to: number, which: number): number => {
      const [one, other] = [looks[from], looks[to]];
      if (one === undefined || other === undefined) return Number.NaN;
      return ((other.used[which] ?? Number.NaN) - (one.used[which] ?? Number.NaN)) / (other.at - one.at);
    };
    const last = looks.length - 1;
    const shares = labels.map((_, which) => between(0, last, which));
    return {
      shares,
      series: labels.map((label, which) => ({
        label,
        values: looks.slice(1).map((_, at) => between(at, at + 1, which)),
        expected: expected[which],
      })),
      seconds: ((looks[last]?.at ?? 0) - (looks[0]?.at ?? 0)) / 1000,
      total: shares.reduce((one, other) => one + other, 0),
    };
  }

  /** The same of whole containers. @throws SetupError when one of them ends meanwhile. */
  async watchContainers(
    containers: readonly LoadContainer[],
    expected: readonly (number | undefined)[],
  ): Promise<Use> {
    return this.watch(
      containers.map(({ request }) => request.label),
      () =>
        containers.map((one) => {
          const usage = one.stats().cpu?.usage;
          if (usage === undefined || !one.running)
            throw new SetupError(`container ${one.request.label} has ended, or nobody counts its CPU time`);
          return usage / 1000;
        }),
      expected,
    );
  }

  /** Ends all containers that there are; nothing is left of them. */
  async clear(): Promise<void> {
    const all = [...this.#containers];
    this.#containers.clear();
    await Promise.all(all.map((one) => one.end()));
  }
}

import { detectCgroups } from "../../cgroup/host.ts";
import { readInForce } from "../../cgroup/in-force.ts";
import { watchForks } from "../../cgroup/pids-watch.ts";
import { messageOf } from "../core/errors.ts";
import type { ContainerRecord } from "./record.ts";

/** Forks that a container's limit of processes has refused, in all, and that limit. */
export interface RefusedForks {
  readonly count: number;
  readonly limit: number | undefined;
}

/** Told at most so often: a fork bomb has thousands refused in that time. */
const quietMs = 1_000;

/** Tells of forks that are refused: of the first at once, of more once a second. */
export class ForkWatch {
  readonly #refused: (forks: RefusedForks) => void;
  readonly #say: (line: string) => void;
  #end: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #waiting: number | undefined;

  constructor(refused: (forks: RefusedForks) => void, say: (line: string) => void) {
    this.#refused = refused;
    this.#say = say;
  }

  watch({ cgroup, name }: ContainerRecord): void {
    this.stop();
    if (cgroup === undefined) return;
    const host = detectCgroups();
    const tell = (count: number): void => {
      const limit = readInForce(host, cgroup).find(({ unit }) => unit === "processes")?.limit;
      this.#refused({ count, limit: limit === undefined ? undefined : Number(limit) });
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        const more = this.#waiting;
        this.#waiting = undefined;
        if (more !== undefined) tell(more);
      }, quietMs);
      this.#timer.unref();
    };
    try {
      this.#end = watchForks(host, cgroup, (count) => {
        if (this.#timer === undefined) tell(count);
        else this.#waiting = count;
      });
    } catch (error) {
      this.#say(`container ${name}: its processes are not watched: ${messageOf(error)}`);
    }
  }

  stop(): void {
    this.#end?.();
    this.#end = undefined;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting = undefined;
  }
}

import { detectCgroups } from "../../cgroup/host.ts";
import { type RefusedForks, watchForks } from "../../cgroup/pids-watch.ts";
import { messageOf } from "../core/errors.ts";
import type { ContainerRecord } from "./record.ts";

/** Told at most so often: a fork bomb has thousands refused in that time. */
const quietMs = 1_000;

/** How many have been told in this run; undefined: nobody knows any more. */
function toldOf({ limitEvents }: ContainerRecord): number | undefined {
  if (!limitEvents?.counts["pids_limit"]) return 0;
  const last = limitEvents.last.findLast(({ action }) => action === "pids_limit");
  return last === undefined ? undefined : Number(last.attributes["refused"]);
}

/** Tells of forks that are refused: of the first at once, of more once a second. */
export class ForkWatch {
  readonly #refused: (forks: RefusedForks) => void;
  readonly #say: (line: string) => void;
  #end: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #waiting: RefusedForks | undefined;

  constructor(refused: (forks: RefusedForks) => void, say: (line: string) => void) {
    this.#refused = refused;
    this.#say = say;
  }

  /** False when nothing limited its processes, so that nobody counted them. */
  get watches(): boolean {
    return this.#end !== undefined;
  }

  watch(record: ContainerRecord): void {
    const { cgroup, name } = record;
    this.stop();
    if (cgroup === undefined) return;
    const tell = (forks: RefusedForks): void => {
      this.#refused(forks);
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        const more = this.#waiting;
        this.#waiting = undefined;
        if (more !== undefined) tell(more);
      }, quietMs);
      this.#timer.unref();
    };
    try {
      this.#end = watchForks(
        detectCgroups(),
        cgroup,
        (forks) => {
          if (this.#timer === undefined) tell(forks);
          else this.#waiting = forks;
        },
        toldOf(record),
      );
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

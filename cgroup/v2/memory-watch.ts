import { existsSync } from "node:fs";
import { hasErrno } from "../../src/core/errors.ts";
import { join } from "../../src/core/join.ts";
import { watchPath } from "../../src/sys/path-watch.ts";
import { countIn } from "../count.ts";
import { keyedAll } from "../keyed.ts";
import { lowMark, type MemoryListener, type MemoryWish } from "../memory-listener.ts";
import { readFileIfAny } from "../processes.ts";
import { writeValues } from "../write-values.ts";

/** How often it is looked, only while usage is above the soft limit, whether it has fallen: the kernel does not tell. */
const lookMs = 2_000;

/** The kernel rounds limits of memory down to whole pages. */
const pageSize = 4096;

/** The soft limit of one container, as a wire that is stretched while usage is below it. */
class Tripwire {
  readonly #directory: string;
  readonly #softLimit: number;
  /** memory.high while it is no wire. */
  readonly #rest: string;
  readonly #listener: MemoryListener;
  #above: boolean;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(directory: string, softLimit: number, { above, high }: MemoryWish, listener: MemoryListener) {
    this.#directory = directory;
    this.#softLimit = softLimit;
    this.#rest = high === undefined ? "max" : String(high);
    this.#listener = listener;
    this.#above = above;
    if (above) this.#waitForFall();
    // To set it below what is in use would have the kernel take memory away from the container, while we wait.
    else if ((this.#usage() ?? 0) > softLimit) setImmediate(() => this.tripped());
    else this.#stretch();
  }

  /**
   * memory.high is where the kernel tells of usage above it, but also holds it back: so it is there only until usage is
   * above, and a container that needs more than its reservation is not slowed down for that.
   */
  #stretch(): void {
    this.#set(String(this.#softLimit));
  }

  #set(value: string): void {
    try {
      writeValues(join(this.#directory, "memory.high"), [value]);
    } catch (error) {
      if (!hasErrno(error, "ENOENT", "ENODEV")) throw error;
    }
  }

  #isStretched(): boolean {
    const now = countIn(readFileIfAny(join(this.#directory, "memory.high")));
    return now === this.#softLimit - (this.#softLimit % pageSize);
  }

  #usage(): number | undefined {
    const text = readFileIfAny(join(this.#directory, "memory.current"));
    return text === undefined ? undefined : Number(text);
  }

  /** The kernel has told that usage is, or was for a moment, above. */
  tripped(): void {
    if (this.#above || this.#ended) return;
    this.#above = true;
    const usage = this.#usage() ?? this.#softLimit;
    this.#set(this.#rest);
    this.#listener.crossed(Math.max(usage, this.#softLimit));
    this.#waitForFall();
  }

  #waitForFall(): void {
    this.#timer = setInterval(() => {
      const usage = this.#usage();
      if (usage === undefined) clearInterval(this.#timer);
      else if (usage < lowMark(this.#softLimit)) {
        clearInterval(this.#timer);
        this.#above = false;
        this.#listener.fell();
        this.#stretch();
      }
    }, lookMs);
    this.#timer.unref();
  }

  end(): void {
    clearInterval(this.#timer);
    this.#ended = true;
    // It may have been given another memory.high meanwhile.
    if (!this.#above && this.#isStretched()) this.#set(this.#rest);
  }
}

/** See {@link MemoryListener}; by inotify(7) on memory.events, which the kernel changes when something happens. */
export function watchV2Memory(directory: string, wish: MemoryWish, listener: MemoryListener): () => void {
  const file = join(directory, "memory.events");
  const counters = (): Readonly<Record<string, number>> => keyedAll(readFileIfAny(file) ?? "");
  // The memory controller is not there for it: nothing of it is limited.
  if (!existsSync(file)) return () => undefined;
  const { softLimit } = wish;
  const wire = softLimit === undefined ? undefined : new Tripwire(directory, softLimit, wish, listener);
  let before = counters();
  const grew = (now: typeof before, name: string): boolean => (now[name] ?? 0) > (before[name] ?? 0);
  const look = (): void => {
    const now = counters();
    const [killed, high] = [grew(now, "oom_kill"), grew(now, "high")];
    before = now;
    if (killed) listener.outOfMemory();
    if (high) wire?.tripped();
  };
  const unwatch = watchPath(file, look, { persistent: false });
  return () => {
    unwatch();
    wire?.end();
  };
}

import { revertAllDue } from "../container/impair/due.ts";
import { monotonicMs } from "../core/clock.ts";
import { messageOf } from "../core/errors.ts";
import type { Instance } from "../core/paths.ts";

/** The longest that one look waits for the next: timers of Node end at 2^31 ms. */
const longest = 3_600_000;

/** Puts back what links were impaired with for a time. What is due when is in files: another supervisor goes on with it. */
export class ImpairmentTimer {
  readonly #instance: Instance;
  readonly #say: (line: string) => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(instance: Instance, say: (line: string) => void) {
    this.#instance = instance;
    this.#say = say;
  }

  /** Puts back what is due, and comes again when the next is. To be called whenever something was impaired for a time. */
  look(): void {
    this.leave();
    try {
      const { next, failures } = revertAllDue(this.#instance);
      for (const failure of failures) this.#say(`impairments: ${messageOf(failure)}`);
      if (next === undefined) return;
      const ms = Math.min(longest, Math.max(0, Math.ceil(next - monotonicMs())));
      this.#timer = setTimeout(() => this.look(), ms);
    } catch (error) {
      this.#say(`impairments: ${messageOf(error)}`);
    }
  }

  /** Comes no more. */
  leave(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

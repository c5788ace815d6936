import { MdockerError } from "../core/errors.ts";
import { type Signals, signalCode } from "./signals.ts";

/** What the user says by signals while something is started. */
export class Interruption {
  readonly #signals: Signals;
  #asked = Number.POSITIVE_INFINITY;

  constructor(signals: Signals) {
    this.#signals = signals;
  }

  /**
   * Ends a start that the user wants no more.
   * @throws MdockerError with the exit code of the signal.
   */
  refuse(): void {
    const [name] = this.#signals.caught;
    if (name !== undefined)
      throw new MdockerError(`interrupted by ${name}: nothing was started`, signalCode(name));
  }

  /** From now on everything is taken back. May be said twice. */
  takingBack(): void {
    this.#asked = Math.min(this.#asked, this.#signals.caught.length);
  }

  /** True once a signal has come since then: whoever repeats himself does not want to wait. */
  get insisted(): boolean {
    return this.#signals.caught.length > this.#asked;
  }
}

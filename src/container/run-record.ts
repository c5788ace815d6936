import { hasErrno, messageOf, NotFoundError } from "../core/errors.ts";
import type { Instance } from "../core/paths.ts";
import { changeRunningRecord } from "./change-record.ts";
import type { ContainerRecord } from "./record.ts";
import { readRecord } from "./store.ts";

/**
 * The record of a run, for those who take down what happens to it. What is wrong with the record is no reason to end
 * anything: it is said once, and whoever watches goes on with what was known last.
 */
export class RunRecord {
  readonly #instance: Instance;
  readonly #id: string;
  readonly #runs: () => boolean;
  readonly #say: (line: string) => void;
  #known: ContainerRecord | undefined;
  #said = false;

  /** @param runs false when the run is over: what comes late is not of the next one. */
  constructor(instance: Instance, id: string, runs: () => boolean, say: (line: string) => void) {
    this.#instance = instance;
    this.#id = id;
    this.#runs = runs;
    this.#say = say;
  }

  /** The record as it is now; undefined when the run is over, the container removed, or its record unreadable. */
  read(): ContainerRecord | undefined {
    if (!this.#runs()) return undefined;
    try {
      this.#known = readRecord(this.#instance, this.#id) ?? this.#known;
      return this.#known;
    } catch (error) {
      this.#failed(error);
      return undefined;
    }
  }

  /**
   * Takes down what is true of this run. Returns the changed record, also where it could not be written; undefined when
   * the run is over, or the container removed.
   */
  change(change: (record: ContainerRecord) => ContainerRecord): ContainerRecord | undefined {
    if (!this.#runs()) return undefined;
    try {
      this.#known = changeRunningRecord(this.#instance, this.#id, change);
    } catch (error) {
      if (error instanceof NotFoundError || hasErrno(error, "ENOENT")) return undefined;
      this.#failed(error);
      this.#known = this.#known === undefined ? undefined : change(this.#known);
    }
    return this.#known;
  }

  #failed(error: unknown): void {
    if (this.#said) return;
    this.#said = true;
    const who = this.#known?.name ?? this.#id.slice(0, 12);
    this.#say(`container ${who}: what happens to it cannot be kept in its record: ${messageOf(error)}`);
  }
}

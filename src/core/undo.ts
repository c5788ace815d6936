import { messageOf, SetupError } from "./errors.ts";

/** One way back: `what` names it for reports, `run` must succeed also when the act never happened. */
export interface Undo {
  readonly what: string;
  readonly run: () => void | Promise<void>;
}

/**
 * A stack of undos. Register the undo before the act; on disposal everything is run in reverse order, never stopping
 * early, and the failures are reported together at the end. `commit` keeps what was made.
 */
export class UndoStack implements AsyncDisposable {
  #undos: Undo[] = [];

  /** Registers how to take back what is about to be done. */
  push(what: string, run: () => void | Promise<void>): void {
    this.#undos.push({ what, run });
  }

  /** Keeps everything: nothing is undone any more. */
  commit(): void {
    this.#undos = [];
  }

  /**
   * Runs every undo, last first.
   * @throws SetupError that lists each undo that failed, after all have been tried.
   */
  async unwind(): Promise<void> {
    const failures: string[] = [];
    for (let undo = this.#undos.pop(); undo !== undefined; undo = this.#undos.pop()) {
      try {
        await undo.run();
      } catch (error) {
        failures.push(`${undo.what}: ${messageOf(error)}`);
      }
    }
    if (failures.length > 0) throw new SetupError(`clean-up incomplete: ${failures.join("; ")}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.unwind();
  }
}

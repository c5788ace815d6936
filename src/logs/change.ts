import { type FSWatcher, watch } from "node:fs";
import { hasErrno } from "../core/errors.ts";

/** Wakes who waits for something to change in a directory, or to be told so. Nothing that happens meanwhile is missed. */
export class Change implements Disposable {
  readonly #watcher: FSWatcher | undefined;
  #changed = false;
  #wake: (() => void) | undefined;

  constructor(directory: string) {
    try {
      this.#watcher = watch(directory, this.tell);
      // The directory has been removed.
      this.#watcher.on("error", this.tell);
    } catch (error) {
      if (!hasErrno(error, "ENOENT")) throw error;
    }
  }

  readonly tell = (): void => {
    this.#changed = true;
    this.#wake?.();
  };

  /** Resolves at once when something has changed since it last resolved. */
  async next(): Promise<void> {
    if (!this.#changed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#changed = false;
    this.#wake = undefined;
  }

  [Symbol.dispose](): void {
    this.#watcher?.close();
  }
}

import { hasErrno } from "../core/errors.ts";
import { watchPath } from "../sys/path-watch.ts";

/** Wakes who waits for something to change in a directory, or to be told so. Nothing that happens meanwhile is missed. */
export class Change implements Disposable {
  readonly #unwatch: (() => void) | undefined;
  #changed = false;
  #wake: (() => void) | undefined;

  constructor(directory: string) {
    try {
      this.#unwatch = watchPath(directory, this.tell, { persistent: true });
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
    this.#unwatch?.();
  }
}

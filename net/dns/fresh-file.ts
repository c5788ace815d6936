import { statSync } from "node:fs";
import { readTextIfAny } from "../../src/core/atomic.ts";

/** What a file says, read again only when it has been replaced: to ask costs one stat(2). */
export class FreshFile<T> {
  readonly #path: string;
  readonly #parse: (text: string | undefined) => T;
  #seen: readonly [number, number, number] | undefined;
  #value: T | undefined;

  /** @param parse Gets undefined when there is no such file. */
  constructor(path: string, parse: (text: string | undefined) => T) {
    this.#path = path;
    this.#parse = parse;
  }

  /** Somebody says that it has changed: a clock tick may be too long to show it. */
  forget(): void {
    this.#seen = undefined;
  }

  get(): T {
    const stat = statSync(this.#path, { throwIfNoEntry: false });
    const now = [stat?.ino ?? 0, stat?.mtimeMs ?? 0, stat?.size ?? -1] as const;
    if (this.#seen !== undefined && now.every((value, at) => value === this.#seen?.[at]))
      return this.#value as T;
    // Looked at before it is read: what is written in between is read once more.
    this.#value = this.#parse(readTextIfAny(this.#path));
    this.#seen = now;
    return this.#value;
  }
}

import type { Given } from "../flags.ts";

/** What a config file says, as the flags it stands for. */
export interface Config {
  readonly flags: ReadonlyMap<string, readonly Given[]>;
  /** Command and arguments; undefined when the file names none. */
  readonly command: readonly string[] | undefined;
}

/** A config being read. */
export class Draft implements Config {
  /** As the user named it. */
  readonly file: string;
  readonly directory: string;
  readonly #flags: Map<string, Given[]> = new Map();
  readonly #words: Map<string, readonly string[]> = new Map();

  constructor(file: string, directory: string) {
    this.file = file;
    this.directory = directory;
  }

  add(flag: string, given: Given): void {
    const before = this.#flags.get(flag);
    if (before === undefined) this.#flags.set(flag, [given]);
    else before.push(given);
  }

  /** `command` or `args`. */
  addWords(flag: string, words: readonly string[]): void {
    this.#words.set(flag, words);
  }

  get flags(): ReadonlyMap<string, readonly Given[]> {
    return this.#flags;
  }

  get command(): readonly string[] | undefined {
    const words = [...(this.#words.get("command") ?? []), ...(this.#words.get("args") ?? [])];
    return words.length === 0 ? undefined : words;
  }
}

import { UsageError } from "../core/errors.ts";

/** One value the user gave, and where: `--memory`, or `run.yaml:3: cgroups.memory`. */
export interface Given {
  readonly value: string;
  readonly from: string;
  /** Directory of the config file it stands in: its relative paths count from there. */
  readonly directory?: string | undefined;
}

/** A value as it may stand in an error message of one line. */
export function shown(value: string): string {
  return /^[^\s"\p{C}]+$/u.test(value) ? value : JSON.stringify(value);
}

/** @throws UsageError naming where the value was given, the value, and what was expected there. */
export function refuse({ from, value }: Given, expected: string): never {
  throw new UsageError(`${from}: ${shown(value)}: expected ${expected}`);
}

/** `true`, `1`, `yes`, `on` and their opposites. */
export function parseSwitch(given: Given): boolean {
  if (/^(true|1|yes|on)$/i.test(given.value)) return true;
  if (/^(false|0|no|off)$/i.test(given.value)) return false;
  return refuse(given, "true or false");
}

/** What the user said, by flag name; from the command line, a config file, or both. */
export class Flags {
  readonly #values: ReadonlyMap<string, readonly Given[]>;

  constructor(values: ReadonlyMap<string, readonly Given[]>) {
    this.#values = values;
  }

  /** Every value of a flag, in the order given. */
  all(name: string): readonly Given[] {
    return this.#values.get(name) ?? [];
  }

  /** The value of a flag that has one; the last one given counts. */
  one(name: string): Given | undefined {
    return this.#values.get(name)?.at(-1);
  }

  /** A switch; undefined when nothing was said. */
  flag(name: string): boolean | undefined {
    const given = this.one(name);
    return given === undefined ? undefined : parseSwitch(given);
  }

  names(): Iterable<string> {
    return this.#values.keys();
  }
}

/** @throws UsageError when both flags of a pair that contradicts itself were given. */
export function refuseBoth(flags: Flags, one: string, other: string, why: string): void {
  const [a, b] = [flags.one(one), flags.one(other)];
  if (a !== undefined && b !== undefined) throw new UsageError(`${a.from} and ${b.from} contradict: ${why}`);
}

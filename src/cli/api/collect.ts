import { Flags, type Given } from "../flags.ts";

/** Collects values of an API body as if they had been given by flags: the same parsers read both. */
export class Collected {
  readonly #values = new Map<string, Given[]>();

  /** `value` of the flag `name`, found in the field `from` of the body; nothing when there is none. */
  add(name: string, from: string, value: string | number | boolean | null | undefined): void {
    if (value === undefined || value === null || value === "") return;
    const given = this.#values.get(name) ?? [];
    given.push({ value: String(value), from });
    this.#values.set(name, given);
  }

  /** A number that 0 stands for nothing in. */
  addNumber(name: string, from: string, value: number | null | undefined): void {
    if (value !== 0) this.add(name, from, value);
  }

  addAll(name: string, from: string, values: readonly string[] | null | undefined): void {
    for (const value of values ?? []) this.add(name, from, value);
  }

  /** The entries of a map, each as `key=value`, or joined by another mark. */
  addMap(
    name: string,
    from: string,
    values: Readonly<Record<string, string>> | null | undefined,
    mark = "=",
  ): void {
    for (const [key, value] of Object.entries(values ?? {})) this.add(name, from, `${key}${mark}${value}`);
  }

  get flags(): Flags {
    return new Flags(this.#values);
  }
}

/** One field of `key=value,key=value`, quoted where it has to be (RFC 4180). */
export function pair(key: string, value: string): string {
  const text = `${key}=${value}`;
  return /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

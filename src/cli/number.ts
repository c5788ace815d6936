import { parseBytes } from "../core/units.ts";
import { type Given, refuse } from "./flags.ts";

/** A whole number from `min` to `max`. @throws UsageError */
export function wholeNumber(given: Given, min: number, max: number = Number.MAX_SAFE_INTEGER): number {
  const value = /^[+-]?\d{1,16}$/.test(given.value) ? Number(given.value) : Number.NaN;
  if (value >= min && value <= max) return value;
  const range = max === Number.MAX_SAFE_INTEGER ? `from ${min}` : `from ${min} to ${max}`;
  return refuse(given, `a whole number ${range}`);
}

/** A size in bytes. @throws UsageError */
export function bytes(given: Given): number {
  return given.value === ""
    ? refuse(given, "a size such as 512k, 64m or 1.5g")
    : parseBytes(given.value, given.from);
}

/** `{ [key]: value }`, or nothing where there is no value: optional fields are absent, not undefined. */
export function field<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: V };
}

import { UsageError } from "../../core/errors.ts";

/** The query of a request as it was parsed: a value that is given twice is a list. */
export type Query = Readonly<Record<string, string | readonly string[] | undefined>>;

/** The last value of a query parameter; undefined when it is missing or empty. */
export function textOf(query: Query, name: string): string | undefined {
  const value = query[name];
  const last = typeof value === "string" ? value : value?.at(-1);
  return last === "" ? undefined : last;
}

/** A switch as docker reads it: anything but nothing, `0`, `no`, `false` and `none` is yes. */
export function flagOf(query: Query, name: string, otherwise = false): boolean {
  const value = query[name];
  if (value === undefined) return otherwise;
  return !/^(|0|no|false|none)$/i.test(textOf(query, name)?.trim() ?? "");
}

/** A whole number, in decimal. @throws UsageError */
export function integerOf(query: Query, name: string): number | undefined {
  const text = textOf(query, name);
  if (text === undefined) return undefined;
  const number = Number(text);
  if (!/^[+-]?\d{1,15}$/.test(text))
    throw new UsageError(`${name}: ${JSON.stringify(text)}: expected a whole number`);
  return number;
}

/**
 * A moment: seconds since 1970, with up to nine digits after the point, or RFC 3339. In nanoseconds.
 * @throws UsageError
 */
export function momentOf(query: Query, name: string): bigint | undefined {
  const text = textOf(query, name);
  if (text === undefined) return undefined;
  const [, minus, seconds, fraction = ""] = /^(-?)(\d{1,12})(?:\.(\d{1,9}))?$/.exec(text) ?? [];
  if (seconds !== undefined) {
    const size = BigInt(seconds) * 1_000_000_000n + BigInt(fraction.padEnd(9, "0"));
    return minus === "-" ? -size : size;
  }
  const milliseconds = /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(milliseconds))
    throw new UsageError(
      `${name}: ${JSON.stringify(text)}: expected seconds since 1970, or a date such as 2026-01-31T12:00:00Z`,
    );
  return BigInt(milliseconds) * 1_000_000n;
}

/** `filters={"label":["a=b"]}`, or in the older form `{"label":{"a=b":true}}`: values by name. */
export type Filters = ReadonlyMap<string, readonly string[]>;

function refuseFilters(text: string): never {
  throw new UsageError(`filters: ${JSON.stringify(text)}: expected JSON such as {"label":["key=value"]}`);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * The filters of a request; `known` are the names that mean something here.
 * @throws UsageError for what is not JSON of that form, and for a name that is not known
 */
export function filtersOf(query: Query, known: readonly string[]): Filters {
  const text = textOf(query, "filters");
  const filters = new Map<string, readonly string[]>();
  if (text === undefined) return filters;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    refuseFilters(text);
  }
  if (!isObject(parsed)) refuseFilters(text);
  for (const [name, given] of Object.entries(parsed)) {
    if (!known.includes(name))
      throw new UsageError(`invalid filter '${name}': expected one of ${known.join(", ")}`);
    const values = Array.isArray(given)
      ? given
      : isObject(given)
        ? Object.keys(given).filter((value) => given[value] === true)
        : refuseFilters(text);
    if (!values.every((value): value is string => typeof value === "string")) refuseFilters(text);
    filters.set(name, values);
  }
  return filters;
}

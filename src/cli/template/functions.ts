import { UsageError } from "../../core/errors.ts";
import { showValue, sprintf } from "./show.ts";

type TemplateFunction = (...args: readonly unknown[]) => unknown;

/** Go's: false, 0, nil and what is empty do not hold. */
export function holds(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === "object" && value !== null) return Object.keys(value).length > 0;
  return Boolean(value);
}

/** One field of a value: by its name, else by its name in any other case; undefined when it is not there. */
export function fieldOf(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  const record = value as Readonly<Record<string, unknown>>;
  // What an array has beside its items is no field.
  if (Object.hasOwn(record, name))
    return Array.isArray(value) && name === "length" ? undefined : record[name];
  const key = Object.keys(record).find((candidate) => candidate.toLowerCase() === name.toLowerCase());
  return key === undefined ? undefined : record[key];
}

function text(value: unknown, what: string): string {
  if (typeof value !== "string") throw new UsageError(`${what}: expected text, got ${showValue(value)}`);
  return value;
}

function count(value: unknown, what: string): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0) {
    throw new UsageError(`${what}: expected a whole number, got ${showValue(value)}`);
  }
  return value;
}

function length(value: unknown): number {
  if (typeof value === "string") return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.length;
  if (typeof value === "object" && value !== null) return Object.keys(value).length;
  throw new UsageError(`len: expected text, a list or a map, got ${showValue(value)}`);
}

function index(value: unknown, ...keys: readonly unknown[]): unknown {
  let found = value;
  for (const key of keys) {
    if (Array.isArray(found)) {
      const at = count(key, "index");
      if (at >= found.length) throw new UsageError(`index: ${at} is out of range: there are ${found.length}`);
      found = found[at];
    } else if (typeof found === "object" && found !== null) {
      found = Object.hasOwn(found, String(key)) ? (found as Record<string, unknown>)[String(key)] : undefined;
    } else if (found === undefined || found === null) {
      return undefined;
    } else {
      throw new UsageError(`index: expected a list or a map, got ${showValue(found)}`);
    }
  }
  return found;
}

function slice(value: unknown, from: unknown = 0, to?: unknown): unknown {
  if (typeof value !== "string" && !Array.isArray(value)) {
    throw new UsageError(`slice: expected text or a list, got ${showValue(value)}`);
  }
  const end = to === undefined ? value.length : count(to, "slice");
  const start = count(from, "slice");
  if (start > end || end > value.length) throw new UsageError(`slice: ${start} to ${end} is out of range`);
  return value.slice(start, end);
}

function compare(name: string, a: unknown, b: unknown): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a === "string" && typeof b === "string") return a < b ? -1 : a > b ? 1 : 0;
  throw new UsageError(`${name}: cannot compare ${showValue(a)} with ${showValue(b)}`);
}

const none = (value: unknown): unknown => value ?? null;

/** Words beside each other get a blank between only where neither is text, as in Go's Sprint. */
function print(...values: readonly unknown[]): string {
  return values
    .map((value, i) => {
      const blank = i > 0 && typeof value !== "string" && typeof values[i - 1] !== "string";
      return `${blank ? " " : ""}${showValue(value, true)}`;
    })
    .join("");
}

/** The functions of Go's text/template and those that docker adds. */
export const functions: ReadonlyMap<string, TemplateFunction> = new Map<string, TemplateFunction>([
  [
    "and",
    (...values) => values.find((value) => !holds(value)) ?? (values.every(holds) ? values.at(-1) : undefined),
  ],
  ["or", (...values) => values.find(holds) ?? values.at(-1)],
  ["not", (value) => !holds(value)],
  ["len", length],
  ["index", index],
  ["slice", slice],
  ["print", print],
  ["println", (...values) => `${values.map((value) => showValue(value, true)).join(" ")}\n`],
  ["printf", (format, ...values) => sprintf(text(format, "printf"), values)],
  ["eq", (first, ...others) => others.some((other) => none(other) === none(first))],
  ["ne", (a, b) => none(a) !== none(b)],
  ["lt", (a, b) => compare("lt", a, b) < 0],
  ["le", (a, b) => compare("le", a, b) <= 0],
  ["gt", (a, b) => compare("gt", a, b) > 0],
  ["ge", (a, b) => compare("ge", a, b) >= 0],
  ["html", (value) => print(value).replaceAll(/[<>&'"\0]/g, (one) => `&#${one.codePointAt(0)};`)],
  ["js", (value) => JSON.stringify(print(value)).slice(1, -1)],
  ["urlquery", (value) => encodeURIComponent(print(value)).replaceAll("%20", "+")],
  ["json", (value) => JSON.stringify(value ?? null)],
  [
    "join",
    (list, separator) => {
      if (!Array.isArray(list)) throw new UsageError(`join: expected a list, got ${showValue(list)}`);
      return list.map((item) => showValue(item, true)).join(text(separator, "join"));
    },
  ],
  ["split", (value, separator) => text(value, "split").split(text(separator, "split"))],
  ["lower", (value) => text(value, "lower").toLowerCase()],
  ["upper", (value) => text(value, "upper").toUpperCase()],
  ["title", (value) => text(value, "title").replaceAll(/\b\p{L}/gu, (one) => one.toUpperCase())],
  [
    "pad",
    (value, before, after) => {
      if (text(value, "pad") === "") return "";
      return " ".repeat(count(before, "pad")) + value + " ".repeat(count(after, "pad"));
    },
  ],
  ["truncate", (value, most) => text(value, "truncate").slice(0, count(most, "truncate"))],
]);

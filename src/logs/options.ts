import { UsageError } from "../core/errors.ts";
import { nearest } from "../core/nearest.ts";
import { parseBytes } from "../core/units.ts";

/** How the output of a container is kept. */
export type LogOptions =
  | { readonly driver: "none" }
  | {
      readonly driver: "json-file";
      /** Bytes after which a file is rotated; undefined: never. */
      readonly maxSize: number | undefined;
      /** How many files are kept, the one that is written included. */
      readonly maxFile: number;
      /** When the buffer is full: `blocking` lets the container wait, `non-blocking` drops what comes. */
      readonly mode: "blocking" | "non-blocking";
      /** Bytes that may wait for the disk. */
      readonly bufferSize: number;
      readonly details: DetailOptions;
    };

/** What each message tells of its container: labels and variables of these names, and a tag, as a template. */
export interface DetailOptions {
  readonly labels: readonly string[];
  readonly env: readonly string[];
  readonly tag: string | undefined;
}

const drivers = ["json-file", "none"];
const names = ["max-size", "max-file", "mode", "max-buffer-size", "labels", "env", "tag"];

function size(name: string, text: string): number {
  const bytes = parseBytes(text, `--log-opt ${name}`);
  if (bytes > 0) return bytes;
  throw new UsageError(`--log-opt ${name}: ${text}: expected at least one byte`);
}

function count(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new UsageError(`--log-opt max-file: ${text}: expected a number of files from 1`);
}

function mode(text: string): "blocking" | "non-blocking" {
  if (text === "blocking" || text === "non-blocking") return text;
  throw new UsageError(`--log-opt mode: ${text}: expected blocking or non-blocking`);
}

/** `one,other`. */
function list(text = ""): string[] {
  return text.split(",").filter((name) => name !== "");
}

/**
 * What `--log-driver` and `--log-opt` ask for; docker's names and defaults.
 * @throws UsageError of one line for a driver, an option or a value that is not understood.
 */
export function parseLogOptions(driver: string, options: Readonly<Record<string, string>>): LogOptions {
  if (driver === "none") return { driver };
  if (driver !== "json-file" && driver !== "") {
    throw new UsageError(`--log-driver: ${driver}: expected ${drivers.join(" or ")}`);
  }
  for (const name of Object.keys(options)) {
    if (names.includes(name)) continue;
    const near = nearest(name, names);
    const hint = near === undefined ? `expected one of ${names.join(", ")}` : `did you mean ${near}?`;
    throw new UsageError(`--log-opt: ${name}: ${hint}`);
  }
  const { "max-size": maxSize, "max-file": maxFile = "1", mode: how = "blocking" } = options;
  return {
    driver: "json-file",
    maxSize: maxSize === undefined || maxSize === "-1" ? undefined : size("max-size", maxSize),
    maxFile: count(maxFile),
    mode: mode(how),
    bufferSize: size("max-buffer-size", options["max-buffer-size"] ?? "1m"),
    details: { labels: list(options["labels"]), env: list(options["env"]), tag: options["tag"] || undefined },
  };
}

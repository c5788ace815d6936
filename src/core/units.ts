import { UsageError } from "./errors.ts";

const powers: Readonly<Record<string, number>> = { "": 0, b: 0, k: 1, m: 2, g: 3, t: 4, p: 5 };

/**
 * A size as docker takes it: `512`, `100k`, `64M`, `1.5g`, `2GiB`; powers of 1024. Returns whole bytes.
 * @throws UsageError naming `what` for anything else.
 */
export function parseBytes(text: string, what: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgtp]?)(?:i?b)?$/i.exec(text.trim());
  const power = powers[(match?.[2] ?? "").toLowerCase()];
  const bytes =
    match === null || power === undefined ? Number.NaN : Math.floor(Number(match[1]) * 1024 ** power);
  if (!Number.isSafeInteger(bytes)) {
    throw new UsageError(`${what}: ${text}: expected a size such as 512k, 64m or 1.5g`);
  }
  return bytes;
}

/** Bytes for people: `0B`, `1.5KiB`, `128MiB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${Number(value.toPrecision(4))}${units[unit]}`;
}

/** Bytes in powers of 1000 with three digits, as docker shows traffic and sizes of files: `1.09kB`. */
export function formatDecimalBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${Number(value.toPrecision(3))}${units[unit]}`;
}

/** Milliseconds for people: `0.31ms`, `12.4ms`, `1.20s`. */
export function formatMillis(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(2)}s`;
  return ms >= 10 ? `${ms.toFixed(1)}ms` : `${ms.toFixed(2)}ms`;
}

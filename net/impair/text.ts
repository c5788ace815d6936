import { formatBytes } from "../../src/core/units.ts";
import type { Impairment } from "./settings.ts";

const number = (value: number): string => String(Number(value.toPrecision(4)));

/** A time for people: `50ms`, `1.5s`, `800us`. */
function formatNanoseconds(ns: number): string {
  if (ns >= 1e9) return `${number(ns / 1e9)}s`;
  if (ns >= 1e6) return `${number(ns / 1e6)}ms`;
  return ns >= 1e3 ? `${number(ns / 1e3)}us` : `${number(ns)}ns`;
}

/** A chance for people: `1%`, `0.05%`. */
function formatChance(fraction: number): string {
  return `${number(fraction * 100)}%`;
}

/** A rate for people, as tc(8) has them: `512kbit`, `1.5mbit`. */
function formatRate(bits: number): string {
  for (const [unit, size] of [
    ["gbit", 1e9],
    ["mbit", 1e6],
    ["kbit", 1e3],
  ] as const)
    if (bits >= size) return `${number(bits / size)}${unit}`;
  return `${number(bits)}bit`;
}

/** What is set, by the names of the flags and as they take it. */
export function wordsOf(it: Impairment): Record<string, string> {
  const words: Record<string, string> = {};
  const add = <T>(name: string, value: T | undefined, format: (value: T) => string): void => {
    if (value !== undefined) words[name] = format(value);
  };
  add("delay", it.delay, formatNanoseconds);
  add("jitter", it.jitter, formatNanoseconds);
  add("distribution", it.distribution, String);
  add("delay-correlation", it.delayCorrelation, formatChance);
  add("loss", it.loss, formatChance);
  add("loss-correlation", it.lossCorrelation, formatChance);
  add("loss-gemodel", it.lossModel, (model) => model.map(formatChance).join(","));
  add("duplicate", it.duplicate, formatChance);
  add("duplicate-correlation", it.duplicateCorrelation, formatChance);
  add("corrupt", it.corrupt, formatChance);
  add("corrupt-correlation", it.corruptCorrelation, formatChance);
  add("reorder", it.reorder, formatChance);
  add("reorder-correlation", it.reorderCorrelation, formatChance);
  add("rate", it.rate, formatRate);
  add("burst", it.burst, formatBytes);
  add("limit", it.limit, formatBytes);
  return words;
}

/** The same in one line; empty for nothing. */
export function describeImpairment(it: Impairment): string {
  return Object.entries(wordsOf(it))
    .map(([name, value]) => `${name} ${value}`)
    .join(" ");
}

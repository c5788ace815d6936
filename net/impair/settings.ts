import { UsageError } from "../../src/core/errors.ts";

/** The shapes of jitter that netem draws delays from; uniform is its own. */
export const distributions = ["uniform", "normal", "pareto", "paretonormal"] as const;
export type Distribution = (typeof distributions)[number];

/**
 * What is done to the packets of one direction of a link; what is absent is not done. Plain data: compared, stored and
 * printed as it is. Chances and correlations are fractions of 1.
 */
export interface Impairment {
  /** Nanoseconds. */
  readonly delay?: number;
  readonly jitter?: number;
  readonly distribution?: Distribution;
  readonly delayCorrelation?: number;
  readonly loss?: number;
  readonly lossCorrelation?: number;
  /** Gilbert-Elliott: into the bad state, out of it, loss in the bad state, loss in the good one. */
  readonly lossModel?: readonly [number, number, number, number];
  readonly duplicate?: number;
  readonly duplicateCorrelation?: number;
  readonly corrupt?: number;
  readonly corruptCorrelation?: number;
  /** Of the packets: sent at once, before those that are delayed. */
  readonly reorder?: number;
  readonly reorderCorrelation?: number;
  /** Bits per second. */
  readonly rate?: number;
  /** Bytes that may go at once, after a pause; absent: computed from the rate. */
  readonly burst?: number;
  /** Bytes that may wait for their turn; absent: computed from the rate. */
  readonly limit?: number;
}

export type ImpairmentKey = keyof Impairment;

/** Changes to an impairment: null takes away, what is absent stays. */
export type ImpairmentChange = { readonly [Key in ImpairmentKey]?: Impairment[Key] | null };

/** What makes sense only beside another: the key, and what it needs. */
const needs: readonly (readonly [ImpairmentKey, ImpairmentKey])[] = [
  ["jitter", "delay"],
  ["distribution", "jitter"],
  ["delayCorrelation", "jitter"],
  ["reorder", "delay"],
  ["reorderCorrelation", "reorder"],
  ["lossCorrelation", "loss"],
  ["duplicateCorrelation", "duplicate"],
  ["corruptCorrelation", "corrupt"],
  ["burst", "rate"],
  ["limit", "rate"],
];

/** The flag that sets a key. */
function flagOf(key: ImpairmentKey): string {
  if (key === "lossModel") return "--loss-gemodel";
  return `--${key.replace(/[A-Z]/, (letter) => `-${letter.toLowerCase()}`)}`;
}

const isNothing = (value: unknown): boolean => value === null || value === undefined || value === 0;

function merged(before: Impairment, change: ImpairmentChange): Map<ImpairmentKey, unknown> {
  const all = new Map<ImpairmentKey, unknown>(Object.entries(before) as [ImpairmentKey, unknown][]);
  // Random loss and a loss model take each other's place.
  if (!isNothing(change.loss)) all.delete("lossModel");
  for (const [key, value] of Object.entries(change) as [ImpairmentKey, unknown][]) {
    if (isNothing(value)) all.delete(key);
    else all.set(key, value);
  }
  if (all.has("lossModel")) all.delete("loss");
  return all;
}

/** Takes away what is there without what it needs. The first pair of a chain comes first: all that hangs on it goes. */
function pruned(
  all: Map<ImpairmentKey, unknown>,
  lacking: (key: ImpairmentKey, needed: ImpairmentKey) => void,
): Impairment {
  for (const [key, needed] of needs) {
    if (all.has(needed) || !all.has(key)) continue;
    lacking(key, needed);
    all.delete(key);
  }
  return Object.fromEntries(all) as Impairment;
}

/**
 * The impairment after a change. What needs something that is taken away goes with it.
 * @throws UsageError when the change itself names something without what it needs.
 */
export function changed(before: Impairment, change: ImpairmentChange): Impairment {
  return pruned(merged(before, change), (key, needed) => {
    if (!isNothing(change[key]))
      throw new UsageError(`${flagOf(key)} needs ${flagOf(needed)}: give both, or set that before`);
  });
}

/** The impairment after some of it was put back; what needs something that is gone meanwhile is left out. */
export function putBack(now: Impairment, change: ImpairmentChange): Impairment {
  return pruned(merged(now, change), () => undefined);
}

/** The keys that differ. */
export function differing(one: Impairment, other: Impairment): ImpairmentKey[] {
  const keys = new Set([...Object.keys(one), ...Object.keys(other)]) as Set<ImpairmentKey>;
  return [...keys].filter((key) => JSON.stringify(one[key]) !== JSON.stringify(other[key]));
}

/** True when only netem can do it; a rate alone is done by tbf. */
export function needsNetem({ rate: _rate, burst: _burst, limit: _limit, ...rest }: Impairment): boolean {
  return Object.keys(rest).length > 0;
}

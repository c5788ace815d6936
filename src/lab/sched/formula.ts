/** sched_prio_to_weight of kernel/sched/core.c: the weight of niceness -20 to 19; each step is about a factor of 1.25. */
const weights = [
  88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916, 9548, 7620, 6100, 4904, 3906, 3121,
  2501, 1991, 1586, 1277, 1024, 820, 655, 526, 423, 335, 272, 215, 172, 137, 110, 87, 70, 56, 45, 36, 29, 23,
  18, 15,
];

/** The weight of a process by its niceness, -20 to 19. */
export function weightOfNice(nice: number): number {
  const weight = weights[nice + 20];
  if (weight === undefined) throw new Error(`niceness ${nice}: expected -20 to 19`);
  return weight;
}

/** What each of several that all want one CPU gets of it, 0 to 1: its weight by the sum of all. */
export function sharesOf(all: readonly number[]): number[] {
  const sum = all.reduce((one, other) => one + other, 0);
  return all.map((weight) => weight / sum);
}

/** The part of the time that one busy process runs which has `quota` of every `period`, 0 to 1. */
export function dutyCycle(quota: number, period: number): number {
  return Math.min(1, quota / period);
}

/** How long one busy process waits when its quota has run out: until the next period, in the unit of both. */
export function throttledFor(quota: number, period: number): number {
  return Math.max(0, period - quota);
}

/** The value below which so much of all values is, 0 to 1; NaN of none. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

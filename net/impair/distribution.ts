import type { Distribution } from "./settings.ts";

/** What netem divides by: a table holds deviations from the mean, in standard deviations times this. */
const scale = 8192;
/** Entries of a table: netem takes up to 16384, and picks one at random. */
const entries = 4096;

/**
 * The inverse of the standard normal distribution, by bisection of Φ: slow and exact enough (below 1e-6), and a table is
 * made only when it is asked for.
 */
function normalQuantile(p: number): number {
  let [low, high] = [-8, 8];
  for (let round = 0; round < 40; round += 1) {
    const middle = (low + high) / 2;
    if (normalCumulative(middle) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Φ(x) by the series of erf, which converges fast for the |x| < 8 that are asked for. */
function normalCumulative(x: number): number {
  if (x < -6) return 0;
  if (x > 6) return 1;
  let term = x;
  let sum = x;
  for (let n = 3; Math.abs(term) > 1e-12; n += 2) {
    term *= (x * x) / n;
    sum += term;
  }
  return 0.5 + sum * (Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI));
}

/** Pareto with index 3, brought to mean 0 and deviation 1: most are early, few are very late. */
function paretoQuantile(p: number): number {
  const [mean, deviation] = [1.5, Math.sqrt(0.75)];
  return ((1 - p) ** (-1 / 3) - mean) / deviation;
}

const quantiles: Readonly<Record<Exclude<Distribution, "uniform">, (p: number) => number>> = {
  normal: normalQuantile,
  pareto: paretoQuantile,
  paretonormal: (p) => 0.25 * normalQuantile(p) + 0.75 * paretoQuantile(p),
};

/** The most that an entry can say, in deviations. */
const widest = 32767 / scale;

/**
 * netem's table of a distribution: its quantiles at equal steps. What is beyond four deviations is cut off there, and the
 * rest spread so that the deviation is one again. Undefined for uniform, which needs none.
 */
export function delayTable(distribution: Distribution): Int16Array | undefined {
  if (distribution === "uniform") return undefined;
  const quantile = quantiles[distribution];
  const exact = Array.from({ length: entries }, (_, at) => quantile((at + 0.5) / entries));
  let spread = 1;
  let table = exact;
  for (let round = 0; round < 20; round += 1) {
    table = exact.map((it) => Math.max(-widest, Math.min(widest, it * spread)));
    const deviation = Math.sqrt(table.reduce((sum, it) => sum + it * it, 0) / entries);
    spread /= deviation;
  }
  return Int16Array.from(table, (it) => Math.round(it * scale));
}

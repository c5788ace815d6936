import type { Plot } from "./finding.ts";

/** A plot's values in its unit: parts become per cent. */
export function inUnit({ unit }: Plot, value: number): number {
  return unit === "%" ? value * 100 : value;
}

/** The top of the axis: a round number that nothing is above. At least 1. */
export function topOf(plot: Plot): number {
  const all = plot.series
    .flatMap(({ values, expected }) => [...values, expected ?? 0])
    .filter(Number.isFinite)
    .map((value) => inUnit(plot, value));
  const most = Math.max(1, ...all);
  if (plot.unit === "%" && most <= 110) return 100;
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 1.5, 2, 3, 4, 5, 8, 10].map((factor) => factor * power).find((one) => one >= most) ?? most;
}

/** The mean of the values that fall into column `at` of `columns`; NaN where there are none. */
export function columnOf(values: readonly number[], at: number, columns: number): number {
  const from = Math.floor((at * values.length) / columns);
  const part = values.slice(from, Math.max(from + 1, Math.floor(((at + 1) * values.length) / columns)));
  return part.reduce((one, other) => one + other, 0) / part.length;
}

import type { Plot } from "./finding.ts";
import { columnOf, inUnit, topOf } from "./scale.ts";

const height = 8;

/** What a plot is drawn with: block characters where the locale has them. */
interface Marks {
  readonly series: readonly string[];
  readonly expected: string;
  readonly axis: string;
  readonly corner: string;
  readonly floor: string;
}

const drawn: Marks = {
  series: ["●", "○", "◆", "◇"],
  expected: "┄",
  axis: "│",
  corner: "└",
  floor: "─",
};
const typed: Marks = { series: ["o", "x", "+", "*"], expected: "-", axis: "|", corner: "+", floor: "-" };

/**
 * A plot for a terminal, `width` columns wide and ten lines high: a mark a series, and a dashed line where the formula has
 * it. Where two series meet, the later one is seen.
 */
export function textPlot(plot: Plot, width: number, blocks: boolean): string {
  const marks = blocks ? drawn : typed;
  const top = topOf(plot);
  const unit = plot.unit === "" || plot.unit === "%" ? plot.unit : ` ${plot.unit}`;
  const labels = [`${top}${unit}`, `${top / 2}${unit}`, "0"];
  const margin = Math.max(...labels.map((label) => label.length));
  const columns = Math.max(10, width - margin - 2);
  const rows = Array.from({ length: height }, () => Array.from({ length: columns }, () => " "));
  const rowOf = (value: number): number =>
    height - 1 - Math.min(height - 1, Math.max(0, Math.round((inUnit(plot, value) / top) * (height - 1))));
  for (const { expected } of plot.series)
    if (expected !== undefined) rows[rowOf(expected)]?.fill(marks.expected);
  plot.series.forEach(({ values }, which) => {
    for (let at = 0; at < columns && values.length > 0; at += 1) {
      const value = columnOf(values, at, columns);
      const row = Number.isFinite(value) ? rows[rowOf(value)] : undefined;
      if (row !== undefined) row[at] = marks.series[which % marks.series.length] ?? "?";
    }
  });
  const labelOf = (row: number): string =>
    row === 0
      ? (labels[0] ?? "")
      : row === height / 2
        ? (labels[1] ?? "")
        : row === height - 1
          ? (labels[2] ?? "")
          : "";
  const lines = rows.map((row, at) =>
    `${labelOf(at).padStart(margin)} ${marks.axis}${row.join("")}`.trimEnd(),
  );
  const legend = plot.series
    .map(({ label }, which) => `${marks.series[which % marks.series.length]} ${label}`)
    .join("   ");
  const dashes = plot.series.some(({ expected }) => expected !== undefined)
    ? `   ${marks.expected.repeat(2)} expected`
    : "";
  const end = `${plot.seconds.toFixed(1)} s`;
  return [
    plot.title,
    ...lines,
    `${" ".repeat(margin)} ${marks.corner}${marks.floor.repeat(columns)}`,
    `${" ".repeat(margin + 2)}0${end.padStart(columns - 1)}`,
    `${" ".repeat(margin + 2)}${legend}${dashes}`,
  ]
    .map((line) => `${line}\n`)
    .join("");
}

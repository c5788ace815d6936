import { formatMillis } from "../../src/core/units.ts";
import { keepsBounds, type Ratio, type Row } from "./bench.ts";

function value(row: Row): string {
  if (row.value === undefined) return "-";
  if (row.unit === "ms") return formatMillis(row.value);
  return `${Number(row.value.toPrecision(3))}${row.unit === "" ? "" : ` ${row.unit}`}`;
}

function bound({ atMost, atLeast }: Ratio): string {
  if (atMost !== undefined) return `at most ${atMost}`;
  return atLeast === undefined ? "" : `at least ${atLeast}`;
}

/** `1.92 x node -e 0`; a bound of the value itself compares with nothing. */
function times({ to, value: ratio }: Ratio): string {
  return to === "" ? "" : `${Number(ratio.toPrecision(3))} x ${to}`;
}

function verdict(ratio: Ratio | undefined): string {
  const kept = ratio === undefined ? undefined : keepsBounds(ratio);
  if (kept === undefined) return "";
  return kept ? "yes" : "NO";
}

/** Rows as a table of aligned columns: what, median, ratio, bound, whether it is kept, note. */
export function table(title: string, rows: readonly Row[]): string {
  const cells = [
    [title, "median", "ratio", "must be", "kept", ""],
    ...rows.map((row) => [
      row.label,
      value(row),
      row.ratio === undefined ? "" : times(row.ratio),
      row.ratio === undefined ? "" : bound(row.ratio),
      verdict(row.ratio),
      row.note ?? "",
    ]),
  ];
  const widths =
    cells[0]?.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0))) ?? [];
  const lines = cells.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  const rule = "-".repeat(Math.max(...lines.map((line) => line.length)));
  return [lines[0], rule, ...lines.slice(1)].join("\n");
}

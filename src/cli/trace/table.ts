import { bar } from "../bar.ts";
import type { Palette } from "../colour.ts";
import { renderTable } from "../table.ts";
import type { TallyRow } from "./tally.ts";

/** How a trace is shown: what strace counted, or what was met by looking now and then. */
export interface TraceStyle {
  readonly sampled: boolean;
  readonly blocks: boolean;
  readonly colours: Palette;
}

const barWidth = 10;

/** Seconds with as many digits as say something. */
function seconds(value: number): string {
  return value >= 1 ? `${value.toFixed(3)}s` : `${(value * 1000).toFixed(3)}ms`;
}

/** Rows with a bar for each one's part of the time. */
export function renderTally(rows: readonly TallyRow[], { sampled, blocks, colours }: TraceStyle): string {
  const weigh = (row: TallyRow): number => (sampled ? row.calls : row.seconds);
  const total = rows.reduce((sum, row) => sum + weigh(row), 0) || 1;
  const processes = rows.some(({ process }) => process !== "");
  const headings = [
    ...(processes ? ["PROCESS"] : []),
    ...(sampled ? ["DOING", "SEEN", "SHARE"] : ["SYSCALL", "CALLS", "ERRORS", "TIME", "EACH", "SHARE"]),
  ];
  const cells = rows.map((row) => {
    const share = weigh(row) / total;
    const shown = `${`${(share * 100).toFixed(1)}%`.padStart(6)} ${colours.colour(36, bar(share, barWidth, blocks))}`;
    const { name, calls, errors } = row;
    const measured = sampled
      ? [String(calls)]
      : [
          String(calls),
          errors === 0 ? "" : String(errors),
          seconds(row.seconds),
          seconds(row.seconds / Math.max(1, calls)),
        ];
    return [...(processes ? [row.process] : []), name, ...measured, shown];
  });
  return renderTable(headings.map(colours.bold), cells);
}

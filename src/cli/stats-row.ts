import type { ContainerRecord } from "../container/record.ts";
import type { StatsSample } from "../container/stats.ts";
import type { Usage } from "../container/usage.ts";
import { formatBytes, formatDecimalBytes } from "../core/units.ts";
import { bar, showsBlocks } from "./bar.ts";
import type { Palette } from "./colour.ts";
import type { RowStyle } from "./rows.ts";
import { renderTable, widthOf } from "./table.ts";

/** A container as `stats` shows it; the fields of --format, named as docker names them. */
interface StatsFields {
  readonly Container: string;
  readonly ID: string;
  readonly Name: string;
  readonly CPUPerc: string;
  readonly MemUsage: string;
  readonly MemPerc: string;
  readonly NetIO: string;
  readonly BlockIO: string;
  readonly PIDs: string;
  /** What its limits have done to it, and how often: `oom 1, throttled 3`; `none`. mdocker's own. */
  readonly LimitsHit: string;
}

/** A row, and how full its bars are: 0 to 1. */
export interface StatsRow {
  readonly row: StatsFields;
  readonly cpuShare: number;
  readonly memoryShare: number;
}

const usual = ["ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs"] as const;
const headings: StatsFields = {
  Container: "CONTAINER",
  ID: "CONTAINER ID",
  Name: "NAME",
  CPUPerc: "CPU %",
  MemUsage: "MEM USAGE / LIMIT",
  MemPerc: "MEM %",
  NetIO: "NET I/O",
  BlockIO: "BLOCK I/O",
  PIDs: "PIDS",
  LimitsHit: "LIMITS HIT",
};

type Column = (typeof usual)[number] | "LimitsHit";

/** docker's columns; and where a limit has done something to a container, what. */
function columnsOf(rows: readonly StatsFields[]): readonly Column[] {
  return rows.some(({ LimitsHit }) => LimitsHit !== "none") ? [...usual, "LimitsHit"] : usual;
}

/** How these rows are shown when nothing else is asked for. */
export function statsStyle(rows: readonly StatsFields[]): RowStyle {
  return { columns: columnsOf(rows), headings: { ...headings } };
}

function limitsHit({ limitEvents }: ContainerRecord): string {
  const counts = Object.entries(limitEvents?.counts ?? {});
  return counts.map(([what, times]) => `${what} ${times}`).join(", ") || "none";
}

/** How many CPUs it may use at once. */
function cpusOf({ resources }: ContainerRecord, sample: StatsSample): number {
  const { quota, period = 100_000 } = resources.cpu ?? {};
  const allowed = quota === undefined || quota <= 0 ? sample.host.cpus : quota / period;
  return Math.min(allowed, sample.host.cpus);
}

/** What `stats` shows of one container; of one that does not run, blanks in docker's way. */
export function describeUsage(
  record: ContainerRecord,
  sample: StatsSample,
  usage: Usage,
  whole: boolean,
): StatsRow {
  const id = whole ? record.id : record.id.slice(0, 12);
  const about = { Container: id, ID: id, Name: record.name, LimitsHit: limitsHit(record) };
  if (!sample.running) {
    const row = {
      ...about,
      CPUPerc: "--",
      MemUsage: "-- / --",
      MemPerc: "--",
      NetIO: "--",
      BlockIO: "--",
      PIDs: "--",
    };
    return { row, cpuShare: 0, memoryShare: 0 };
  }
  const row = {
    ...about,
    CPUPerc: `${usage.cpuPercent.toFixed(2)}%`,
    MemUsage: `${formatBytes(usage.memory)} / ${formatBytes(usage.memoryLimit)}`,
    MemPerc: `${usage.memoryPercent.toFixed(2)}%`,
    NetIO: `${formatDecimalBytes(usage.received)} / ${formatDecimalBytes(usage.sent)}`,
    BlockIO: `${formatDecimalBytes(usage.read)} / ${formatDecimalBytes(usage.written)}`,
    PIDs: String(usage.pids),
  };
  return {
    row,
    cpuShare: usage.cpuPercent / 100 / cpusOf(record, sample),
    memoryShare: usage.memoryPercent / 100,
  };
}

/** Green, then yellow, then red, as it gets tight. */
function coloured(text: string, share: number, colours: Palette): string {
  return colours.colour(share >= 0.9 ? 31 : share >= 0.7 ? 33 : 32, text);
}

/** How wide the bars are and what is left out, from all there is to what fits a narrow terminal. */
const layouts: readonly { readonly bar: number; readonly without: ReadonlySet<Column> }[] = [
  { bar: 10, without: new Set() },
  { bar: 5, without: new Set() },
  { bar: 5, without: new Set(["BlockIO"]) },
  { bar: 5, without: new Set(["BlockIO", "NetIO"]) },
];

/** The table for a terminal of so many columns: a bar beside each percentage. */
export function addBars(
  rows: readonly StatsRow[],
  width: number,
  colours: Palette,
  env: NodeJS.ProcessEnv,
): string {
  const blocks = showsBlocks(env);
  const columns = columnsOf(rows.map(({ row }) => row));
  let table = "";
  for (const layout of layouts) {
    const shown = columns.filter((name) => !layout.without.has(name));
    const barred = (share: number, text: string): string =>
      `${text.padStart(7)} ${coloured(bar(share, layout.bar, blocks), share, colours)}`;
    table = renderTable(
      shown.map((name) => colours.bold(headings[name])),
      rows.map(({ row, cpuShare, memoryShare }) =>
        shown.map((name) => {
          if (name === "CPUPerc") return barred(cpuShare, row.CPUPerc);
          return name === "MemPerc" ? barred(memoryShare, row.MemPerc) : row[name];
        }),
      ),
    );
    if (table.split("\n").every((line) => widthOf(line) <= width)) break;
  }
  return table;
}

import type { Command } from "commander";
import type { LimitInForce } from "../../cgroup/in-force.ts";
import type { Pressure } from "../../cgroup/stats.ts";
import { type LimitsReport, reportLimits } from "../container/limits.ts";
import { findContainer } from "../container/refresh.ts";
import { formatBytes } from "../core/units.ts";
import { bar, showsBlocks } from "./bar.ts";
import { type Palette, palette } from "./colour.ts";
import { print } from "./output.ts";
import { requireRoot } from "./privilege.ts";
import { instanceOf } from "./program.ts";
import { renderTable } from "./table.ts";
import { isTerminal } from "./terminal.ts";

const barWidth = 10;
/** From so full on a bar is yellow, and red. */
const [warn, alarm] = [0.75, 0.95];

function amount(value: number | string | undefined, unit: LimitInForce["unit"]): string {
  if (value === undefined) return "none";
  if (typeof value === "string") return value;
  switch (unit) {
    case "bytes":
      return formatBytes(value);
    case "bytes per second":
      return `${formatBytes(value)}/s`;
    case "operations per second":
      return `${value}/s`;
    case "CPUs":
      return String(Math.round(value * 100) / 100);
    default:
      return String(value);
  }
}

function fill(limit: LimitInForce, colours: Palette, blocks: boolean): string {
  if (typeof limit.limit !== "number" || limit.used === undefined) return "";
  const share = limit.limit === 0 ? 1 : limit.used / limit.limit;
  const shown = `${bar(share, barWidth, blocks)} ${Math.round(share * 100)}%`;
  if (share < warn) return shown;
  return colours.colour(share < alarm ? 33 : 31, shown);
}

function hitsOf({ hits }: LimitInForce): string {
  const met = hits.filter(({ count }) => count > 0);
  return met.length === 0 ? "never" : met.map(({ what, count }) => `${count} ${what}`).join(", ");
}

function pressureRow(name: string, pressure: Pressure | undefined): string[][] {
  return (["some", "full"] as const).flatMap((kind) => {
    const line = pressure?.[kind];
    if (line === undefined) return [];
    const shares = [line.avg10, line.avg60, line.avg300].map((percent) => `${percent.toFixed(2)}%`);
    return [[name, kind === "some" ? "some process" : "every process", ...shares]];
  });
}

/** The limits as a table, and the pressure as another. */
export function renderLimits(report: LimitsReport, colours: Palette, blocks: boolean): string {
  const rows = report.limits.map((limit) => [
    limit.name,
    amount(limit.limit, limit.unit),
    limit.used === undefined ? "" : amount(limit.used, limit.unit),
    fill(limit, colours, blocks),
    limit.hits.length === 0 ? "" : hitsOf(limit),
    limit.option,
    limit.file,
  ]);
  const limits = renderTable(["LIMIT", "AT MOST", "USED", "", "HIT", "SET BY", "FILE"], rows);
  const { pressure } = report;
  if (pressure === undefined) {
    const why =
      report.driver === "v1" ? "cgroup v1 does not tell it" : "this kernel does not tell it (psi=1)";
    return `${limits}\nWaiting for CPU, memory or disk: ${why}\n`;
  }
  const waits = [
    ...pressureRow("CPU", pressure.cpu),
    ...pressureRow("memory", pressure.memory),
    ...pressureRow("disk", pressure.io),
  ];
  return `${limits}\n${renderTable(["WAITING FOR", "WHO", "LAST 10 s", "60 s", "300 s"], waits)}`;
}

/** Adds `limits`. */
export function registerLimits(program: Command): void {
  const command = program
    .command("limits")
    .summary("show what limits a container, and how close it is to them")
    .description(
      "Shows each limit that the kernel enforces for a running container, how much of it is used, how often it was hit " +
        "and what happened then, the flag that sets it and the file that holds it; on cgroup v2 also how much of the last " +
        "10, 60 and 300 seconds its processes had to wait for CPU, memory or disk. mdocker update changes limits.",
    )
    .helpOption("--help", "show help")
    .argument("<container>", "name, id or beginning of an id")
    .option("--json", "all of it as JSON: bytes, processes, CPUs")
    .action(async (reference: string, { json }: { readonly json?: boolean }) => {
      requireRoot("limits ...");
      const report = await reportLimits(findContainer(instanceOf(command), reference));
      if (json) return print(`${JSON.stringify(report, null, 2)}\n`);
      return print(renderLimits(report, palette(await isTerminal(1), process.env), showsBlocks(process.env)));
    });
}

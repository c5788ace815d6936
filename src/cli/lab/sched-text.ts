import type { Finding, Verdict } from "../../lab/sched/finding.ts";
import type { Result } from "../../lab/sched/run.ts";
import { textPlot } from "../../lab/sched/text-plot.ts";
import type { Palette } from "../colour.ts";
import { renderTable } from "../table.ts";

const colours: Readonly<Record<Verdict, number>> = { holds: 32, differs: 31, unsteady: 33 };
const signs: Readonly<Record<Verdict, string>> = { holds: "ok", differs: "NO", unsteady: "unsteady" };

function amount(value: number | undefined, unit: Finding["unit"]): string {
  if (value === undefined) return "";
  if (Number.isNaN(value)) return "not seen";
  const digits = unit === "ms" || unit === "times" ? 1 : 0;
  const text = unit === "%" ? String(value) : String(Number(value.toFixed(digits)));
  return unit === "" ? text : unit === "%" ? `${text}%` : unit === "times" ? `${text} x` : `${text} ${unit}`;
}

function expectation({ expected, tolerance, atMost, atLeast, unit }: Finding): string {
  if (expected !== undefined)
    return `${amount(expected, unit)}${tolerance === undefined ? "" : ` +-${tolerance}`}`;
  if (atMost !== undefined && atLeast !== undefined)
    return `${amount(atLeast, unit)} to ${amount(atMost, unit)}`;
  return atMost === undefined ? `at least ${amount(atLeast, unit)}` : `at most ${amount(atMost, unit)}`;
}

/** Words in lines of at most `width` characters. */
function wrap(text: string, width: number): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + word.length >= width) {
      lines.push(line);
      line = "";
    }
    line += line === "" ? word : ` ${word}`;
  }
  return [...lines, line].join("\n");
}

/** One result: what was done, what the formula says beside what was measured, how it went in time, what it teaches. */
export function renderResult(result: Result, width: number, colour: Palette, blocks: boolean): string {
  const rows = result.findings.map((finding) => [
    finding.what,
    expectation(finding),
    amount(finding.measured, finding.unit),
    colour.colour(colours[finding.verdict], signs[finding.verdict]),
    finding.formula,
  ]);
  const tries = result.attempts === 1 ? "" : ` (attempt ${result.attempts})`;
  return [
    `${colour.bold(`${result.name}: ${result.title}`)}${tries}\n`,
    renderTable(["", "EXPECTED", "MEASURED", "", "FORMULA"], rows),
    ...result.notes.map((note) => `${note}\n`),
    ...result.plots.map((plot) => textPlot(plot, Math.min(width, 72), blocks)),
    `${wrap(result.lesson, width)}\n`,
  ].join("\n");
}

import { accessSync, constants, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { Command } from "commander";
import { parseDuration } from "../../core/duration.ts";
import { MdockerError, messageOf, UsageError } from "../../core/errors.ts";
import { nearest } from "../../core/nearest.ts";
import { exitCodeOf } from "../../lab/sched/finding.ts";
import { experiments, type Result, runExperiment } from "../../lab/sched/run.ts";
import { svgOf } from "../../lab/sched/svg-plot.ts";
import { ownCpus } from "../../lab/sched/workbench.ts";
import { showsBlocks } from "../bar.ts";
import { palette } from "../colour.ts";
import { catchInterruption } from "../interruption.ts";
import { print, say } from "../output.ts";
import { requireRoot } from "../privilege.ts";
import { instanceOf } from "../program.ts";
import { renderTable } from "../table.ts";
import { isTerminal } from "../terminal.ts";
import { renderResult } from "./sched-text.ts";

interface SchedFlags {
  readonly list?: boolean;
  readonly duration: string;
  readonly cpu?: string;
  readonly svg?: string;
  readonly json?: boolean;
}

/** Ctrl-C: 128 and SIGINT. */
const interrupted = 130;
const [shortestMs, longestMs] = [500, 60_000];

/** @throws UsageError for a name that there is not */
function chosen(names: readonly string[]): typeof experiments {
  for (const name of names) {
    if (experiments.some((one) => one.name === name)) continue;
    const all = experiments.map((one) => one.name);
    const near = nearest(name, all);
    const hint = near === undefined ? `expected some of ${all.join(", ")}` : `did you mean ${near}?`;
    throw new UsageError(`no experiment ${JSON.stringify(name)}: ${hint}`);
  }
  return names.length === 0 ? experiments : experiments.filter((one) => names.includes(one.name));
}

function secondsOf(text: string): number {
  const ms = parseDuration(text, "--duration");
  if (ms >= shortestMs && ms <= longestMs) return ms / 1000;
  throw new UsageError(`--duration: ${text}: expected ${shortestMs}ms to ${longestMs / 1000}s`);
}

/** @throws UsageError for what is no CPU of ours */
function cpuOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const own = ownCpus();
  if (/^\d{1,5}$/.test(text) && own.includes(Number(text))) return Number(text);
  throw new UsageError(`--cpu: ${text}: expected one of the CPUs that may be used: ${own.join(", ")}`);
}

/** Before anything is measured for it. @throws UsageError */
function checkWritable(file: string | undefined): void {
  if (file === undefined) return;
  try {
    accessSync(dirname(resolve(file)), constants.W_OK);
  } catch (cause) {
    throw new UsageError(`--svg: ${file}: its directory does not exist or cannot be written to`, { cause });
  }
}

function verdictLine(results: readonly Result[]): string {
  const all = results.flatMap(({ findings }) => findings);
  const count = (verdict: string): number => all.filter((one) => one.verdict === verdict).length;
  if (count("holds") === all.length) return `all ${all.length} as the formulas say\n`;
  const parts = [`${count("holds")} of ${all.length} as the formulas say`];
  if (count("differs") > 0) parts.push(`${count("differs")} not: the kernel did not do what the limit says`);
  if (count("unsteady") > 0) parts.push(`${count("unsteady")} unsteady: too much else runs here, try again`);
  return `${parts.join("; ")}\n`;
}

async function perform(command: Command, names: readonly string[], flags: SchedFlags): Promise<void> {
  const wanted = chosen(names);
  const [seconds, cpu] = [secondsOf(flags.duration), cpuOf(flags.cpu)];
  checkWritable(flags.svg);
  requireRoot("lab sched ...");
  const instance = instanceOf(command);
  const colours = palette(await isTerminal(1), process.env);
  const results: Result[] = [];
  using interruption = catchInterruption();
  const { signal } = interruption;
  const failures: string[] = [];
  for (const experiment of wanted) {
    try {
      const result = await runExperiment(instance, experiment, { seconds, cpu, signal });
      results.push(result);
      if (!flags.json)
        print(`${renderResult(result, process.stdout.columns ?? 100, colours, showsBlocks(process.env))}\n`);
    } catch (error) {
      if (signal.aborted)
        throw new MdockerError("interrupted: everything is taken back", interrupted, { cause: error });
      if (!(error instanceof MdockerError)) throw error;
      // One that this host cannot do is no reason to leave out the others.
      failures.push(experiment.name);
      say(`${experiment.name}: ${messageOf(error)}`);
    }
  }
  if (flags.svg !== undefined) writeFileSync(flags.svg, svgOf(results));
  if (flags.json || results.length > 0)
    print(flags.json ? `${JSON.stringify(results, null, 2)}\n` : verdictLine(results));
  if (failures.length > 0) throw new MdockerError(`could not be done here: ${failures.join(", ")}`);
  process.exitCode = exitCodeOf(results.flatMap(({ findings }) => findings.map(({ verdict }) => verdict)));
}

/** Adds `lab sched`. */
export function addSched(lab: Command): void {
  const command = lab
    .command("sched")
    .summary("what scheduler and limits do, measured beside the kernel's own formulas")
    .description(
      "Runs experiments with containers of its own, all of them unless some are named, and shows for each what the kernel's " +
        "formula says, what was measured, and how it went over time. An experiment that goes otherwise is repeated twice. " +
        "Exit codes: 0 all as the formulas say; 3 the kernel did not do what a limit says; 4 unsteady, as where much else " +
        "runs; 2 an experiment could not be set up; 130 after Ctrl-C. No image is needed, and nothing is left.",
    )
    .helpOption("--help", "show help")
    .argument("[experiment...]", "names, see --list")
    .option("--list", "what experiments there are")
    .option("--duration <time>", "how long each thing is watched, 500ms to 60s", "2s")
    .option("--cpu <number>", "where it takes place; default: the last CPU that may be used")
    .option("--svg <file>", "write the plots there, too")
    .option("--json", "all of it as JSON")
    .action(async (names: readonly string[], flags: SchedFlags) => {
      if (flags.list !== true) return perform(command, names, flags);
      return print(
        renderTable(
          ["EXPERIMENT", "WHAT"],
          experiments.map(({ name, title }) => [name, title]),
        ),
      );
    });
}

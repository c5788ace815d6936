import type { Command } from "commander";
import type { ContainerRecord } from "../container/record.ts";
import { findContainer, listContainers } from "../container/refresh.ts";
import { type StatsSample, sampleHost, sampleStats } from "../container/stats.ts";
import { usageOf } from "../container/usage.ts";
import type { Instance } from "../core/paths.ts";
import { palette } from "./colour.ts";
import { catchInterruption } from "./interruption.ts";
import { LiveScreen } from "./live-screen.ts";
import { print } from "./output.ts";
import { requireRoot } from "./privilege.ts";
import { instanceOf } from "./program.ts";
import { renderRows } from "./rows.ts";
import { addBars, describeUsage, type StatsRow, statsStyle } from "./stats-row.ts";
import { isTerminal } from "./terminal.ts";

interface StatsOptions {
  readonly all?: boolean;
  readonly stream: boolean;
  readonly trunc: boolean;
  readonly format?: string;
}

/** The share of CPU is that of so long. */
const interval = 1000;

function isUp({ state }: ContainerRecord): boolean {
  return state === "running" || state === "paused";
}

/** Looks at the same containers again and again; each look knows the one before. */
class Watch {
  readonly #list: () => readonly ContainerRecord[];
  #previous = new Map<string, StatsSample>();

  constructor(instance: Instance, references: readonly string[], all: boolean) {
    // Named ones stay in the list by their id: a new container may get the name.
    const named = references.map((reference) => ({ reference, id: findContainer(instance, reference).id }));
    this.#list =
      named.length > 0
        ? () => {
            const there = new Map(listContainers(instance).map((record) => [record.id, record]));
            return named.flatMap(({ id }) => there.get(id) ?? []);
          }
        : () => listContainers(instance).filter((record) => all || isUp(record));
  }

  /** The rows, and whether any container runs. */
  look(whole: boolean): { readonly rows: StatsRow[]; readonly running: boolean } {
    const host = sampleHost();
    const samples = this.#list().map((record) => ({ record, sample: sampleStats(record, host) }));
    const rows = samples.map(({ record, sample }) =>
      describeUsage(record, sample, usageOf(sample, this.#previous.get(sample.id)), whole),
    );
    this.#previous = new Map(samples.map(({ sample }) => [sample.id, sample]));
    return { rows, running: samples.some(({ sample }) => sample.running) };
  }
}

async function show(instance: Instance, references: readonly string[], options: StatsOptions): Promise<void> {
  const watch = new Watch(instance, references, options.all === true);
  using interruption = catchInterruption();
  watch.look(false);
  const live = options.stream && options.format === undefined && (await isTerminal(1));
  const screen = live ? new LiveScreen() : undefined;
  const colours = palette(live, process.env);
  try {
    while (await interruption.pause(interval)) {
      const { rows, running } = watch.look(!options.trunc);
      const shown = rows.map(({ row }) => row);
      const text = renderRows(shown, options.format, statsStyle(shown));
      if (screen === undefined) print(text);
      else screen.draw(addBars(rows, screen.columns, colours, process.env));
      if (!options.stream || (references.length > 0 && !running)) return;
    }
  } finally {
    screen?.close();
  }
}

/** Adds `stats`. */
export function registerStats(program: Command): void {
  const command = program
    .command("stats")
    .summary("show what containers use, as it changes")
    .description(
      "Shows CPU, memory, network and block input/output and the number of processes of containers: of those named, else " +
        "of all that run; again every second until Ctrl-C, or until those that were named have ended. On a terminal with " +
        "bars: of the CPUs and the memory that each may use. LIMITS HIT comes when a limit has done something to one of them.",
    )
    .helpOption("--help", "show help")
    .argument("[container...]", "names, ids or beginnings of ids")
    .option("-a, --all", "also containers that do not run")
    .option("--no-stream", "once, and no more")
    .option("--no-trunc", "whole ids")
    .option("--format <template>", "table, json, or a template such as '{{.Name}} {{.CPUPerc}}'")
    .action(async (references: readonly string[], options: StatsOptions) => {
      requireRoot("stats");
      await show(instanceOf(command), references, options);
    });
}

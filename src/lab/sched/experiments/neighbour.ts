import { existsSync, readFileSync } from "node:fs";
import { directoryFor } from "../../../../cgroup/place.ts";
import type { LoadContainer } from "../container.ts";
import { type Experiment, percent, undisturbed } from "../experiment.ts";
import type { Finding, Plot } from "../finding.ts";
import type { Workbench } from "../workbench.ts";

const crowd = 8;

/** Whether the kernel weighs sessions of processes against each other: sched(7), "The autogroup feature". */
function groupsSessions(): boolean {
  const file = "/proc/sys/kernel/sched_autogroup_enabled";
  return existsSync(file) && readFileSync(file, "utf8").trim() === "1";
}

/** Whether containers are weighed against each other though nobody asked for it. */
function weighed(bench: Workbench, one: LoadContainer): boolean {
  const directory = directoryFor(bench.host, "cpu", one.cgroup);
  const file = bench.host.driver === "v2" ? "cpu.weight" : "cpu.shares";
  return (directory !== undefined && existsSync(`${directory}/${file}`)) || groupsSessions();
}

interface Case {
  readonly what: string;
  readonly own: readonly string[];
  readonly noisy: readonly string[];
  readonly expected: (weighed: boolean) => { readonly part: number; readonly formula: string };
}

const cases: readonly Case[] = [
  {
    what: "no limits",
    own: [],
    noisy: [],
    expected: (one) =>
      one
        ? { part: 0.5, formula: "1 / (1 + 1): each container weighs the same" }
        : { part: 1 / (1 + crowd), formula: `1 / (1 + ${crowd}): each process weighs the same` },
  },
  {
    what: "both with --cpu-shares 1024",
    own: ["--cpu-shares", "1024"],
    noisy: ["--cpu-shares", "1024"],
    expected: () => ({ part: 0.5, formula: "1024 / (1024 + 1024)" }),
  },
  {
    what: "the noisy one with --cpus 0.2",
    own: ["--cpu-shares", "1024"],
    noisy: ["--cpus", "0.2"],
    expected: () => ({ part: 0.8, formula: "1 - 20 ms / 100 ms" }),
  },
];

/** A container with one busy process beside one with eight. */
export const neighbour: Experiment = {
  name: "neighbour",
  title: `a busy process beside a noisy neighbour with ${crowd} of them, on one CPU`,
  lesson:
    "Without limits who has more processes has more of the CPU, unless the kernel weighs cgroups against each other. A weight " +
    "on both makes it half for each however many there are; a quota on the noisy one leaves all the rest to its neighbour.",
  attempt: async (bench) => {
    const findings: Finding[] = [];
    const plots: Plot[] = [];
    for (const { what, own, noisy, expected } of cases) {
      const containers = await bench.start(
        { label: "quiet", flags: [...bench.pinned(), ...own], load: ["spin"] },
        {
          label: "noisy",
          flags: [...bench.pinned(), ...noisy],
          load: ["spin", ...Array.from({ length: crowd }, () => "0")],
        },
      );
      const [quiet] = containers;
      if (quiet === undefined) throw new Error("nothing was started");
      const { part, formula } = expected(weighed(bench, quiet));
      const use = await bench.watchContainers(containers, [part, 1 - part]);
      await bench.clear();
      findings.push({
        what: `${what}: part of the quiet one`,
        expected: percent(part),
        measured: percent((use.shares[0] ?? Number.NaN) / use.total),
        unit: "%",
        tolerance: 6,
        disturbed: use.total < undisturbed,
        formula,
      });
      plots.push({ title: what, unit: "%", seconds: use.seconds, series: use.series });
    }
    return { findings, plots, notes: [] };
  },
};

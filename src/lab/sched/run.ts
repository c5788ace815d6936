import { detectCgroups } from "../../../cgroup/host.ts";
import type { Instance } from "../../core/paths.ts";
import type { Experiment } from "./experiment.ts";
import { affinity } from "./experiments/affinity.ts";
import { cpuIo } from "./experiments/cpu-io.ts";
import { memory } from "./experiments/memory.ts";
import { neighbour } from "./experiments/neighbour.ts";
import { nice } from "./experiments/nice.ts";
import { pids } from "./experiments/pids.ts";
import { quota } from "./experiments/quota.ts";
import { weights } from "./experiments/weights.ts";
import { type Finding, holds, type Outcome, type Verdict, verdictOn } from "./finding.ts";
import { Workbench } from "./workbench.ts";

/** All experiments, in the order in which they teach. */
export const experiments: readonly Experiment[] = [
  weights,
  nice,
  affinity,
  cpuIo,
  quota,
  neighbour,
  memory,
  pids,
];

/** How often an experiment is repeated that did not go as the formula says. */
const attempts = 3;

/** What an experiment has shown in its last attempt. */
export interface Result extends Omit<Outcome, "findings"> {
  readonly name: string;
  readonly title: string;
  readonly lesson: string;
  readonly driver: "v1" | "v2";
  readonly attempts: number;
  readonly findings: readonly (Finding & { readonly verdict: Verdict })[];
}

export interface RunOptions {
  /** How long each thing is watched. */
  readonly seconds: number;
  /** The CPU that it takes place on; default: the last that we may use. */
  readonly cpu: number | undefined;
  /** Ends it, and everything that it has started. */
  readonly signal: AbortSignal;
}

/**
 * Runs one experiment, up to three times until everything is as expected. Nothing is left of its containers.
 * @throws SetupError when a container cannot be made, as where a limit cannot be enforced; AbortError by `signal`
 */
export async function runExperiment(
  instance: Instance,
  experiment: Experiment,
  options: RunOptions,
): Promise<Result> {
  const bench = new Workbench(instance, detectCgroups(), options);
  const outcomes: Outcome[] = [];
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    try {
      outcomes.push(await experiment.attempt(bench));
    } finally {
      await bench.clear();
    }
    if (outcomes.at(-1)?.findings.every(holds)) break;
  }
  const last = outcomes.at(-1);
  if (last === undefined) throw new Error("an experiment has at least one attempt");
  const { name, title, lesson } = experiment;
  const all = outcomes.map(({ findings }) => findings);
  return {
    ...{ name, title, lesson, driver: bench.host.driver, attempts: outcomes.length },
    ...{ plots: last.plots, notes: last.notes },
    findings: last.findings.map((finding, at) => ({ ...finding, verdict: verdictOn(all, at) })),
  };
}

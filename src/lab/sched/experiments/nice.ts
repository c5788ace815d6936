import { readFileSync } from "node:fs";
import { SetupError } from "../../../core/errors.ts";
import { statFields } from "../../../sys/process.ts";
import type { LoadContainer } from "../container.ts";
import { type Experiment, enough, percent } from "../experiment.ts";
import { sharesOf, weightOfNice } from "../formula.ts";
import type { Workbench } from "../workbench.ts";

const nices = [0, 5];

/** Niceness is field 19 of proc_pid_stat(5). */
function niceOf(pid: number): number {
  return Number(statFields(readFileSync(`/proc/${pid}/stat`, "utf8"))[16]);
}

/** Milliseconds on a CPU: /proc/PID/schedstat, Documentation/scheduler/sched-stats.rst. */
function runtimeOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[0]) / 1e6;
}

/** The spinning processes by niceness: each sets its own when it begins. */
async function spinners(bench: Workbench, container: LoadContainer): Promise<number[]> {
  for (let round = 0; round < 200; round += 1) {
    // The first of the processes waits for the others, and is as nice as the first of them.
    const found = nices.map((nice) =>
      container.processes().findLast((pid) => niceOf(pid) === nice && runtimeOf(pid) > 1),
    );
    if (found.every((pid) => pid !== undefined)) return found;
    await bench.pause(20);
  }
  throw new SetupError("the processes of the container did not get their niceness");
}

/** Niceness within one cgroup, and across two. */
export const nice: Experiment = {
  name: "nice",
  title: "two busy processes of one container with niceness 0 and 5, then two containers with --nice 0 and 5",
  lesson:
    "Within a cgroup a process gets its weight by the sum of weights, and each step of niceness is a factor of about 1.25: " +
    "the kernel's table has 1024 for 0 and 335 for 5. Between cgroups that have a weight of their own niceness counts for " +
    "nothing: there --cpu-shares decides.",
  attempt: async (bench) => {
    const weight = nices.map(weightOfNice);
    const expected = sharesOf(weight);
    const [one] = await bench.start({
      label: "one container",
      flags: bench.pinned(),
      load: ["spin", ...nices.map(String)],
    });
    if (one === undefined) throw new Error("nothing was started");
    const pids = await spinners(bench, one);
    const within = await bench.watch(
      nices.map((value) => `nice ${value}`),
      () => pids.map(runtimeOf),
      expected,
    );
    await bench.clear();
    const two = await bench.start(
      ...nices.map((value) => ({
        label: `--nice ${value}`,
        flags: [...bench.pinned(), "--cpu-shares", "1024", "--nice", String(value)],
        load: ["spin"],
      })),
    );
    const across = await bench.watchContainers(two, [0.5, 0.5]);
    const [first = Number.NaN] = within.shares;
    const [other = Number.NaN] = across.shares;
    return {
      findings: [
        {
          what: "in one container: part of niceness 0",
          expected: percent(expected[0] ?? Number.NaN),
          measured: percent(first / within.total),
          unit: "%",
          tolerance: 5,
          disturbed: within.total < enough,
          formula: `${weight[0]} / (${weight.join(" + ")})`,
        },
        {
          what: "in two containers with equal shares: part of --nice 0",
          expected: 50,
          measured: percent(other / across.total),
          unit: "%",
          tolerance: 5,
          disturbed: across.total < enough,
          formula: "1024 / (1024 + 1024)",
        },
      ],
      plots: [
        { title: "in one container", unit: "%", seconds: within.seconds, series: within.series },
        { title: "in two containers", unit: "%", seconds: across.seconds, series: across.series },
      ],
      notes: [],
    };
  },
};

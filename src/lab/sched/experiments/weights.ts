import { weightOfShares } from "../../../../cgroup/cpu.ts";
import { type Experiment, enough, percent } from "../experiment.ts";
import { sharesOf } from "../formula.ts";

const shares = [1024, 512];

/** Two cgroups that both want one CPU, with different weights. */
export const weights: Experiment = {
  name: "weights",
  title: "two busy containers on one CPU, with --cpu-shares 1024 and 512",
  lesson:
    "Each gets its weight by the sum of all weights. On cgroup v1 the weight is cpu.shares itself; on v2 it is cpu.weight, " +
    "1 + (shares - 2) x 9999 / 262142 rounded down, so that 1024 and 512 are 39 and 20. A weight is no limit: alone, each " +
    "would have the whole CPU.",
  attempt: async (bench) => {
    const weight = shares.map((one) => (bench.host.driver === "v2" ? weightOfShares(one) : one));
    const expected = sharesOf(weight);
    const containers = await bench.start(
      ...shares.map((one) => ({
        label: `shares ${one}`,
        flags: [...bench.pinned(), "--cpu-shares", String(one)],
        load: ["spin"],
      })),
    );
    const use = await bench.watchContainers(containers, expected);
    const sum = weight.join(" + ");
    return {
      findings: shares.map((one, at) => ({
        what: `part of what both had, --cpu-shares ${one}`,
        expected: percent(expected[at] ?? Number.NaN),
        measured: percent((use.shares[at] ?? Number.NaN) / use.total),
        unit: "%",
        tolerance: 5,
        disturbed: use.total < enough,
        formula: `${weight[at]} / (${sum})`,
      })),
      plots: [{ title: "part of the CPU", unit: "%", seconds: use.seconds, series: use.series }],
      notes: [],
    };
  },
};

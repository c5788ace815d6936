import { type Experiment, percent } from "../experiment.ts";
import { dutyCycle, quantile, throttledFor } from "../formula.ts";

const cpus = 0.2;
const [quotaMs, periodMs] = [20, 100];
/** CFS hands the quota out in slices of 5 ms (sched_cfs_bandwidth_slice_us), and accounts for it at ticks of up to 10 ms. */
const unevenMs = 15;

/** A busy container with a part of a CPU. */
export const quota: Experiment = {
  name: "quota",
  title: `a busy container with --cpus ${cpus}`,
  lesson:
    "--cpus is a quota of CPU time for each period of 100 ms. A process that is always busy has run through it after a while " +
    "and then waits for the next period, at once and as long as that takes: on average it is slow, and each time it stands " +
    "still. --cpu-period makes the pauses shorter, a weight avoids them.",
  attempt: async (bench) => {
    const duty = dutyCycle(quotaMs, periodMs);
    const [one] = await bench.start({
      label: `--cpus ${cpus}`,
      flags: [...bench.pinned(), "--cpus", String(cpus)],
      load: ["gaps"],
    });
    if (one === undefined) throw new Error("nothing was started");
    const before = one.stats().cpu?.throttling;
    const use = await bench.watchContainers([one], [duty]);
    const after = one.stats().cpu?.throttling;
    const had = use.shares[0] ?? Number.NaN;
    const gaps = one.told().map(([, us = Number.NaN]) => us / 1000);
    const pauses = gaps.filter((ms) => ms > unevenMs);
    const others = gaps.filter((ms) => ms <= unevenMs).reduce((sum, ms) => sum + ms, 0);
    const waits = throttledFor(quotaMs, periodMs);
    // What it had to wait for others is none of the quota's doing.
    const slow = had < duty - 0.04;
    const crowded = slow || others > use.seconds * 50 || pauses.length > (use.seconds * 1200) / periodMs + 3;
    return {
      findings: [
        {
          what: "part of a CPU that it had",
          expected: percent(duty),
          measured: percent(had),
          unit: "%",
          tolerance: 4,
          disturbed: slow,
          formula: `${quotaMs} ms / ${periodMs} ms`,
        },
        {
          what: "median pause",
          expected: waits,
          measured: quantile(pauses, 0.5),
          unit: "ms",
          tolerance: unevenMs + 5,
          disturbed: crowded,
          formula: `${periodMs} ms - ${quotaMs} ms`,
        },
        {
          what: "periods in which the kernel stopped it",
          atLeast: percent(0.5),
          measured: percent(
            ((after?.throttled ?? 0) - (before?.throttled ?? 0)) /
              ((after?.periods ?? 0) - (before?.periods ?? 0)),
          ),
          unit: "%",
          disturbed: slow,
          formula: "nr_throttled / nr_periods",
        },
      ],
      plots: [{ title: "part of the CPU", unit: "%", seconds: use.seconds, series: use.series }],
      notes: [`it stood still ${pauses.length} times, at longest ${Math.max(0, ...pauses).toFixed(0)} ms`],
    };
  },
};

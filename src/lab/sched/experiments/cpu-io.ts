import type { LoadContainer } from "../container.ts";
import { type Experiment, percent } from "../experiment.ts";
import type { Finding, Series } from "../finding.ts";
import { quantile } from "../formula.ts";
import type { Workbench } from "../workbench.ts";

const everyUs = 1000;
/** One tick of a kernel with HZ=100, until which the one that runs may run on, and one more for the timer itself. */
const boundMs = 20;

/** What it has told in the experiment's duration, in milliseconds too late. */
async function lateness(bench: Workbench, sleeper: LoadContainer): Promise<number[]> {
  await bench.pause(200);
  const before = sleeper.told().length;
  await bench.pause(bench.seconds * 1000);
  return sleeper
    .told()
    .slice(before)
    .map(([us = Number.NaN]) => us / 1000);
}

/** At most `count` values for a plot: the worst of each stretch. */
function worstOf(values: readonly number[], count: number): number[] {
  const each = Math.max(1, Math.ceil(values.length / count));
  return Array.from({ length: Math.ceil(values.length / each) }, (_, at) =>
    Math.max(...values.slice(at * each, (at + 1) * each)),
  );
}

/** Who sleeps most of the time beside one who never does. */
export const cpuIo: Experiment = {
  name: "cpu-io",
  title: "a container that wakes up every millisecond, alone and beside a busy one on its CPU",
  lesson:
    "Who sleeps uses less than its part, so when it wakes up it is behind in virtual time and runs before the one that has " +
    "just run: it loses no more than a slice, at worst until the next tick. It gets all of the little that it asks for.",
  attempt: async (bench) => {
    const sleeping = {
      label: "sleeper",
      flags: [...bench.pinned(), "--cpu-shares", "1024"],
      load: ["timer", String(everyUs)],
    };
    const [sleeper] = await bench.start(sleeping);
    if (sleeper === undefined) throw new Error("nothing was started");
    const alone = await lateness(bench, sleeper);
    const [hog] = await bench.start({
      label: "busy",
      flags: [...bench.pinned(), "--cpu-shares", "1024"],
      load: ["spin"],
    });
    if (hog === undefined) throw new Error("nothing was started");
    const [from, began] = [hog.stats().cpu?.usage ?? Number.NaN, process.hrtime.bigint()];
    const beside = await lateness(bench, sleeper);
    const busy =
      ((hog.stats().cpu?.usage ?? Number.NaN) - from) / (Number(process.hrtime.bigint() - began) / 1000);
    const series: Series[] = [
      { label: "alone", values: worstOf(alone, 60) },
      { label: "beside", values: worstOf(beside, 60) },
    ];
    const findings: Finding[] = [
      {
        what: "beside a busy one: median wake-up latency",
        atMost: boundMs,
        measured: quantile(beside, 0.5),
        unit: "ms",
        formula: "at most a slice or tick, and its own timer's",
        disturbed: busy < 0.4,
      },
      {
        what: "wake-ups, of those it had alone",
        atLeast: percent(0.1),
        measured: percent(beside.length / alone.length),
        unit: "%",
        formula: "1 ms / (1 ms + a slice)",
        disturbed: busy < 0.4,
      },
    ];
    const [one, other] = [alone, beside].map((values) =>
      [0.5, 0.95, 0.99, 1].map((part) => quantile(values, part).toFixed(2)).join(" / "),
    );
    return {
      findings,
      plots: [{ title: "worst latency of each moment", unit: "ms", seconds: bench.seconds, series }],
      notes: [
        `latency in ms, median / 95 % / 99 % / worst: alone ${one}, beside a busy one ${other}`,
        `the busy one had ${percent(busy)} % of the CPU meanwhile`,
      ],
    };
  },
};

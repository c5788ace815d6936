import type { Experiment } from "../experiment.ts";

const [limit, wanted] = [20, 100];
/** errno(3) of fork(2) at pids.max. */
const EAGAIN = 11;

/** More processes than are allowed. */
export const pids: Experiment = {
  name: "pids",
  title: `a container that wants ${wanted} processes, with --pids-limit ${limit}`,
  lesson:
    "At pids.max fork(2) fails with EAGAIN, in this container and in no other; nobody is killed. init is one of them.",
  attempt: async (bench) => {
    const [one] = await bench.start({
      label: "pids",
      flags: ["--pids-limit", String(limit)],
      load: ["forks", String(wanted)],
    });
    if (one === undefined) throw new Error("nothing was started");
    await bench.until(() => one.output.includes("refused"));
    const values: number[] = [];
    for (let look = 0; look < bench.seconds * 10; look += 1) {
      await bench.pause(100);
      values.push(one.stats().pids?.current ?? Number.NaN);
    }
    const stats = one.stats().pids;
    const refused = Number(/^refused (\d+)$/m.exec(one.output)?.[1] ?? Number.NaN);
    return {
      findings: [
        {
          what: "processes of the container",
          expected: limit,
          measured: Math.max(...values),
          unit: "processes",
          formula: "pids.max",
        },
        {
          what: "errno of the fork that was refused",
          expected: EAGAIN,
          measured: refused,
          unit: "",
          formula: "EAGAIN is 11",
        },
        {
          what: "refusals that the kernel has counted",
          atLeast: 1,
          measured: stats?.limitHits ?? Number.NaN,
          unit: "",
          formula: "pids.events",
        },
      ],
      plots: [
        {
          title: "processes",
          unit: "",
          seconds: bench.seconds,
          series: [{ label: "pids", values, expected: limit }],
        },
      ],
      notes: [],
    };
  },
};

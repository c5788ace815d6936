import { readFileSync } from "node:fs";
import { statFields } from "../../../sys/process.ts";
import type { LoadContainer } from "../container.ts";
import { type Experiment, enough, percent } from "../experiment.ts";
import type { Finding, Plot } from "../finding.ts";
import type { Use, Workbench } from "../workbench.ts";

/** Field 39 of proc_pid_stat(5): the CPU that it ran on last. */
function cpuOf(pid: number): number {
  return Number(statFields(readFileSync(`/proc/${pid}/stat`, "utf8"))[36]);
}

/**
 * Ticks of /proc/stat (proc_stat(5)) of one CPU, and how many of them a hypervisor gave to others (steal).
 */
function ticksOf(cpu: number): { readonly all: number; readonly stolen: number } {
  const line = new RegExp(`^cpu${cpu} (.*)$`, "m").exec(readFileSync("/proc/stat", "utf8"))?.[1] ?? "";
  const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, soft = 0, stolen = 0] = line
    .split(" ")
    .map(Number);
  const busy = user + nice + system + irq + soft;
  return { all: busy + idle + wait + stolen, stolen };
}

/** Two busy containers, each on its CPU; how often one was seen on another. */
async function together(
  bench: Workbench,
  cpus: readonly [number, number],
  expected: number,
): Promise<{ readonly use: Use; readonly strays: number }> {
  const containers: LoadContainer[] = await bench.start(
    ...cpus.map((cpu, at) => ({
      label: `${at === 0 ? "one" : "other"}, CPU ${cpu}`,
      flags: [...bench.pinned(cpu), "--cpu-shares", "1024"],
      load: ["spin"],
    })),
  );
  const pids = containers.map((one) => one.processes());
  let strays = 0;
  const use = await bench.watch(
    containers.map(({ request }) => request.label),
    () =>
      containers.map((one, at) => {
        strays += (pids[at] ?? []).filter((pid) => cpuOf(pid) !== cpus[at]).length;
        return (one.stats().cpu?.usage ?? Number.NaN) / 1000;
      }),
    [expected, expected],
  );
  await bench.clear();
  return { use, strays };
}

/** One CPU for both, then one for each. */
export const affinity: Experiment = {
  name: "affinity",
  title: "two busy containers with --cpuset-cpus: on the same CPU, then on one each",
  lesson:
    "A cpuset says where, not how much: two on one CPU share it by their weights, two on two CPUs have one each, and neither " +
    "is ever seen elsewhere.",
  attempt: async (bench) => {
    const [other] = bench.otherCpus;
    const same = await together(bench, [bench.cpu, bench.cpu], 0.5);
    const findings: Finding[] = [
      {
        what: "on the same CPU: part of the one",
        expected: 50,
        measured: percent((same.use.shares[0] ?? Number.NaN) / same.use.total),
        unit: "%",
        tolerance: 5,
        disturbed: same.use.total < enough,
        formula: "1024 / (1024 + 1024)",
      },
    ];
    const plots: Plot[] = [
      { title: "on the same CPU", unit: "%", seconds: same.use.seconds, series: same.use.series },
    ];
    let { strays } = same;
    if (other !== undefined) {
      const cpus = [bench.cpu, other] as const;
      const before = cpus.map(ticksOf);
      const apart = await together(bench, [...cpus], 1);
      const stolen = cpus.map((cpu, at) => {
        const [now, then] = [ticksOf(cpu), before[at] ?? ticksOf(cpu)];
        return (now.stolen - then.stolen) / Math.max(1, now.all - then.all);
      });
      const left = stolen.reduce((rest, part) => rest - part, cpus.length);
      strays += apart.strays;
      plots.push({
        title: "on one CPU each",
        unit: "%",
        seconds: apart.use.seconds,
        series: apart.use.series,
      });
      findings.push({
        what: "on one CPU each: what both have, of one CPU",
        expected: percent(left),
        measured: percent(apart.use.total),
        unit: "%",
        tolerance: 20,
        // There is nothing to compare with: others, who run on these CPUs too, take from it.
        disturbed: apart.use.total < left,
        formula: `1 + 1${left < 1.95 ? `, less ${percent(2 - left)}% that the hypervisor took (steal)` : ""}`,
      });
    }
    findings.push({
      what: "times that one was seen on another CPU",
      expected: 0,
      measured: strays,
      unit: "",
      formula: "cpuset.cpus",
    });
    const notes = other === undefined ? ["there is one CPU only: one each cannot be shown"] : [];
    return { findings, plots, notes };
  },
};

import type { LoadContainer } from "../container.ts";
import type { Experiment } from "../experiment.ts";
import type { Finding, Plot } from "../finding.ts";
import type { Workbench } from "../workbench.ts";

const [stepKib, limitKib, totalKib] = [512, 16 * 1024, 32 * 1024];
const limit = `${limitKib / 1024}m`;

/** What it has, and when: KiB, and seconds since its first step. */
interface Taken {
  readonly kib: number;
  readonly at: number;
}

interface Grown {
  readonly findings: Finding[];
  readonly steps: readonly Taken[];
}

function stepsOf(container: LoadContainer): Taken[] {
  const told = container.told();
  const begin = told[0]?.[1] ?? 0;
  return told.map(([kib = 0, us = 0]) => ({ kib, at: (us - begin) / 1e6 }));
}

/** How much it had in each of sixty moments. */
function growth(steps: readonly Taken[], seconds: number): number[] {
  return Array.from({ length: 60 }, (_, i) => {
    const now = ((i + 1) * seconds) / 60;
    return (steps.findLast(({ at }) => at <= now)?.kib ?? 0) / 1024;
  });
}

async function grow(bench: Workbench, label: string, flags: readonly string[]): Promise<LoadContainer> {
  const [one] = await bench.start({ label, flags, load: ["memory", String(stepKib), String(totalKib)] });
  if (one === undefined) throw new Error("nothing was started");
  await bench.until(() => !one.running || one.told().length >= totalKib / stepKib);
  return one;
}

/** memory.max, or memory.limit_in_bytes. */
async function hardLimit(bench: Workbench): Promise<Grown> {
  const one = await grow(bench, "hard limit", ["--memory", limit, "--memory-swap", limit]);
  const { code, stderr } = one.running ? { code: 0, stderr: "" } : await one.ended;
  const steps = stepsOf(one);
  const most = steps.at(-1)?.kib ?? 0;
  await bench.clear();
  return {
    steps,
    findings: [
      {
        what: `--memory ${limit}: most that it ever had`,
        atMost: limitKib,
        atLeast: limitKib / 2,
        measured: most,
        unit: "KiB",
        formula: "memory and page tables below the limit",
      },
      {
        what: "its exit code: 128 and SIGKILL, for want of memory",
        expected: 137,
        measured: /out of memory/.test(stderr) ? code : Number.NaN,
        unit: "",
        formula: "128 + 9",
      },
    ],
  };
}

/** v2: the pace below and above memory.high. */
async function highLimit(bench: Workbench): Promise<Grown> {
  const [one] = await bench.start({
    label: "memory.high",
    flags: ["--memory-high", limit],
    load: ["memory", String(stepKib), String(totalKib)],
  });
  if (one === undefined) throw new Error("nothing was started");
  await bench.until(() => stepsOf(one).some(({ kib }) => kib >= limitKib - 1024));
  await bench.pause(bench.seconds * 1000);
  const steps = stepsOf(one);
  const lastBelow = steps.findLast(({ kib }) => kib <= limitKib - 1024);
  const fast = (lastBelow?.at ?? Number.NaN) / ((lastBelow?.kib ?? 0) / stepKib);
  const above = steps.filter(({ kib }) => kib > limitKib).length;
  const slow = bench.seconds / Math.max(1, above);
  const alive = one.running;
  await bench.clear();
  return {
    steps,
    findings: [
      {
        what: `--memory-high ${limit}: a step above it takes longer, times`,
        atLeast: 4,
        measured: slow / fast,
        unit: "times",
        formula: "a pause that grows with the square of the excess, up to 2 s",
      },
      {
        what: "still there at the end",
        expected: 1,
        measured: alive ? 1 : 0,
        unit: "",
        formula: "memory.high kills nobody",
      },
    ],
  };
}

/** v1: nothing happens at the soft limit, as long as the host has memory. */
async function softLimit(bench: Workbench): Promise<Grown> {
  const one = await grow(bench, "soft limit", ["--memory-reservation", limit]);
  const steps = stepsOf(one);
  const most = steps.at(-1)?.kib ?? 0;
  await bench.clear();
  return {
    steps,
    findings: [
      {
        what: `--memory-reservation ${limit}: what it had in the end`,
        expected: totalKib,
        measured: most,
        unit: "KiB",
        formula: "the soft limit stops nobody",
      },
    ],
  };
}

/** A limit that slows down, beside one that kills. */
export const memory: Experiment = {
  name: "memory",
  title: `a container that grows to ${totalKib / 1024} MiB, past a soft limit of ${limit} and against a hard one`,
  lesson:
    "At memory.max (v1: memory.limit_in_bytes), when nothing can be taken back, the kernel kills. Above memory.high it only " +
    "makes who grows wait, the longer the more it is above: time for somebody to act. cgroup v1 has no memory.high: its soft " +
    "limit counts only when the whole host is short of memory.",
  attempt: async (bench) => {
    const soft = bench.host.driver === "v2" ? await highLimit(bench) : await softLimit(bench);
    const hard = await hardLimit(bench);
    // As long as it took, and a little of what came after.
    const seconds = 1.1 * Math.max(0.1, ...[soft, hard].map(({ steps }) => steps.at(-1)?.at ?? 0));
    const plots: Plot[] = [
      {
        title: "memory that it has taken",
        unit: "MiB",
        seconds,
        series: [
          { label: "soft limit", values: growth(soft.steps, seconds), expected: limitKib / 1024 },
          { label: "hard limit", values: growth(hard.steps, seconds) },
        ],
      },
    ];
    const notes =
      bench.host.driver === "v2"
        ? []
        : ["cgroup v1 has no memory.high: that a limit slows down cannot be shown on this host"];
    return { findings: [...soft.findings, ...hard.findings], plots, notes };
  },
};

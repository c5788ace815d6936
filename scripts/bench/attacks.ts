import { setTimeout as pause } from "node:timers/promises";
import { quantile } from "../../src/lab/sched/formula.ts";
import {
  type Attack,
  attacks,
  loadCommand,
  loadOnHost,
  neighbourFlags,
  told,
} from "../../tests/harness/attacks.ts";
import { type Running, startCommand } from "../../tests/harness/command.ts";
import type { Bench, BenchContext, Row } from "./bench.ts";
import { median } from "./measure.ts";

const rounds = 3;
const watchMs = 1500;
/** How much later it may be during an attack. */
const most = 2;
/** What is looked at: the median counts; the worst of a hundred is a matter of what else runs, too. */
const parts = [0.5, 0.99];

async function begin(running: Running): Promise<Running> {
  await running.says(/^ready$/m);
  running.child.stdin.write("x");
  return running;
}

async function end(running: Running): Promise<void> {
  running.child.kill("SIGTERM");
  await running.ended;
}

/** For each of these timers its latencies by {@link parts}, of a while, in milliseconds. */
async function latencies(timers: readonly Running[]): Promise<number[][]> {
  await pause(300);
  const before = timers.map((timer) => told(timer).length);
  await pause(watchMs);
  return timers.map((timer, at) => {
    const values = told(timer).slice(before[at]);
    return parts.map((part) => quantile(values, part) / 1000);
  });
}

/** What a round has shown, of the neighbour and of the host: latencies before and during the attack. */
interface Round {
  readonly quiet: readonly number[][];
  readonly during: readonly number[][];
}

async function once({ program, env }: BenchContext, attack: Attack): Promise<Round> {
  const run = (name: string, flags: readonly string[], load: readonly string[]): Promise<Running> =>
    begin(startCommand([program, "run", ...loadCommand(name, flags, load)], { env }));
  const timers = [
    await run("neighbour", neighbourFlags, ["timer", "1000"]),
    await begin(loadOnHost(["timer", "1000"])),
  ];
  const quiet = await latencies(timers);
  const attacker = await run("attacker", attack.flags, attack.load);
  const during = await latencies(timers);
  for (const running of [attacker, ...timers]) await end(running);
  return { quiet, during };
}

/** What those beside a container notice of what it does. */
export const underAttack: Bench = {
  name: "attacks",
  title: "wake-up latency of a container beside one that attacks, with --cpus 0.25 and a limit of its own",
  run: async (context) => {
    const rows: Row[] = [];
    for (const attack of attacks) {
      const all: Round[] = [];
      for (let round = 0; round < rounds; round += 1) all.push(await once(context, attack));
      const at = (list: readonly number[][], who: number, part: number): number =>
        list[who]?.[part] ?? Number.NaN;
      const ratio = (who: number, part: number): number =>
        median(all.map(({ quiet, during }) => at(during, who, part) / at(quiet, who, part)));
      const samples = all.map(({ during }) => at(during, 0, 0));
      rows.push({
        label: `neighbour under ${attack.name}`,
        value: median(samples),
        unit: "ms",
        samples,
        ratio: { to: "before", value: ratio(0, 0), atMost: most },
        note: `worst of a hundred ${ratio(0, 1).toFixed(1)} x; host ${ratio(1, 0).toFixed(1)} x, ${ratio(1, 1).toFixed(1)} x`,
      });
    }
    return rows;
  },
};

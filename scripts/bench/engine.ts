import { readdirSync } from "node:fs";
import type { RunRequest } from "../../src/container/request.ts";
import { runContainer } from "../../src/container/run.ts";
import type { Bench, BenchContext, Row } from "./bench.ts";
import { type HandMade, startHandMade } from "./crun.ts";
import { interleave, type Variant } from "./measure.ts";

/** /bin/true on the default bridge, from the same root as the others run. */
function request(rootfs: string): RunRequest {
  return {
    root: { kind: "directory", path: rootfs },
    args: ["/bin/true"],
    env: [],
    groups: [],
    labels: {},
    interactive: false,
    terminal: false,
    keep: false,
    init: true,
    readOnlyRoot: false,
    mounts: [],
    network: { kind: "bridge", attachments: [{ network: "bridge", ifname: "eth0" }] },
    dns: [],
    dnsSearch: [],
    dnsOptions: [],
    extraHosts: [],
    resources: {},
    rlimits: [],
    sysctl: {},
    capAdd: [],
    capDrop: [],
    privileged: false,
    securityOptions: [],
  };
}

/** A whole life of a container inside this process: its milliseconds. */
export async function liveOnce({ instance, peers }: BenchContext): Promise<number> {
  const begin = performance.now();
  const code = await runContainer(instance, request(peers.rootfs), { say: (line) => console.log(line) });
  const ms = performance.now() - begin;
  if (code !== 0) throw new Error(`/bin/true ended with ${code}`);
  return ms;
}

const lives = 200;

/** What many containers leave in this process: so many that a leak shows above what the heap breathes. */
async function growthOf(context: BenchContext): Promise<Row[]> {
  const descriptors = () => readdirSync("/proc/self/fd").length;
  const resident = () => process.memoryUsage.rss() / 1024 ** 2;
  // The heap finds its size first.
  for (let life = 0; life < lives; life += 1) await liveOnce(context);
  const fds = descriptors();
  const growths: number[] = [];
  for (let block = 0; block < 3; block += 1) {
    const before = resident();
    for (let life = 0; life < lives; life += 1) await liveOnce(context);
    growths.push(resident() - before);
  }
  // A leak grows in each of them, the heap's breath does not.
  const [moreFds, moreMemory] = [descriptors() - fds, Math.min(...growths)];
  return [
    {
      label: `file descriptors after ${3 * lives} more`,
      value: moreFds,
      unit: "",
      ratio: { to: "", value: moreFds, atMost: 0 },
    },
    {
      label: `resident memory after ${lives} more, least of 3`,
      value: moreMemory,
      unit: "MiB",
      ratio: { to: "", value: moreMemory, atMost: 4 },
    },
  ];
}

/** From created to exited and cleaned up, with the runtime's own start left out. */
export const engine: Bench = {
  name: "engine",
  title: "engine only: create, network, run /bin/true, clean up",
  run: async (context) => {
    const others: { name: string; made: HandMade }[] = [];
    for (const name of ["crun", "runc"] as const) {
      const program = context.peers[name];
      if (program !== undefined) {
        others.push({ name: `${name} and ip -batch`, made: await startHandMade(context, program) });
      }
    }
    try {
      const variants: Variant[] = [
        { name: "mdocker", once: () => liveOnce(context) },
        ...others.map(({ name, made }) => ({ name, once: made.once })),
      ];
      const measured = await interleave(30, variants, 5);
      const own = measured[0]?.median ?? Number.NaN;
      const rows = measured.map(({ name, median, samples }): Row => {
        const row: Row = { label: name, value: median, unit: "ms", samples };
        const crun = measured.find((one) => one.name.startsWith("crun"));
        if (name !== "mdocker" || crun === undefined) return row;
        return { ...row, ratio: { to: crun.name, value: own / crun.median, atMost: 1 } };
      });
      return [...rows, ...(await growthOf(context))];
    } finally {
      for (const { made } of others) await made.close();
    }
  },
};

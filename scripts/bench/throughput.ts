import { spawnSync } from "node:child_process";
import { startCommand } from "../../tests/harness/command.ts";
import type { Bench, BenchContext } from "./bench.ts";
import { interleave } from "./measure.ts";

const seconds = 2;

/** Gbit/s that an iperf3 client saw, from its JSON report. */
function gigabits(report: string): number {
  const { end } = JSON.parse(report) as { end: { sum_received: { bits_per_second: number } } };
  return end.sum_received.bits_per_second / 1e9;
}

function must(command: readonly string[], env: NodeJS.ProcessEnv): string {
  const [program = "", ...args] = command;
  const { status, stdout, stderr } = spawnSync(program, args, { env, encoding: "utf8" });
  if (status !== 0) throw new Error(`${command.join(" ")}: exit code ${status}: ${stderr}${stdout}`);
  return stdout;
}

/** Two namespaces on a bridge, as one makes them by hand; returns the command prefixes and what removes them. */
function makeByHand(env: NodeJS.ProcessEnv): { server: string[]; client: string[]; close: () => void } {
  const batch = `
netns add hand1
netns add hand2
link add handbr type bridge
link set handbr up
link add hand1v type veth peer name eth0 netns hand1
link add hand2v type veth peer name eth0 netns hand2
link set hand1v master handbr up
link set hand2v master handbr up
`;
  must(["sh", "-ec", `ip -batch - <<'END'${batch}END`], env);
  for (const [name, address] of [
    ["hand1", "10.77.0.1/24"],
    ["hand2", "10.77.0.2/24"],
  ] as const) {
    must(["ip", "-n", name, "address", "add", address, "dev", "eth0"], env);
    must(["ip", "-n", name, "link", "set", "eth0", "up"], env);
  }
  return {
    server: ["ip", "netns", "exec", "hand1"],
    client: ["ip", "netns", "exec", "hand2"],
    close: () => {
      for (const name of ["hand1", "hand2"]) must(["ip", "netns", "delete", name], env);
      must(["ip", "link", "delete", "handbr"], env);
    },
  };
}

/** Starts a one-shot iperf3 server by `server`, and measures with a client by `client`, towards `address`. */
async function transfer(
  { env }: BenchContext,
  server: readonly string[],
  client: (address: string) => string[],
): Promise<number> {
  // The script says its address first; then the server is up as soon as it says so.
  const script = "hostname -I 2>/dev/null || ip -4 -o address show eth0; exec iperf3 -s -1 --forceflush";
  const running = startCommand([...server, "/bin/bash", "-c", script], { env });
  running.child.stdin.end();
  await running.says(/Server listening/);
  const address = /\b10\.\d+\.\d+\.\d+\b/.exec(running.output())?.[0] ?? "";
  const report = must(client(address), env);
  await running.ended;
  return gigabits(report);
}

/** TCP from container to container over the bridge, against namespaces that nobody manages. */
export const throughput: Bench = {
  name: "throughput",
  title: "TCP container to container, one stream",
  run: async (context) => {
    const { program, env } = context;
    const iperf = (address: string) => ["iperf3", "-J", "-t", String(seconds), "-c", address];
    const run = [program, "run", "--net", "bridge", "--rm"];
    const hand = makeByHand(env);
    try {
      const [own, byHand] = await interleave(
        11,
        [
          {
            name: "mdocker",
            once: () => transfer(context, run, (address) => [...run, "/usr/bin/env", ...iperf(address)]),
          },
          {
            name: "by hand",
            once: () => transfer(context, hand.server, (address) => [...hand.client, ...iperf(address)]),
          },
        ],
        1,
      );
      return [
        {
          label: "mdocker, bridge",
          value: own?.median,
          unit: "Gbit/s",
          samples: own?.samples,
          ratio: {
            to: "by hand",
            value: (own?.median ?? Number.NaN) / (byHand?.median ?? Number.NaN),
            atLeast: 0.97,
          },
        },
        {
          label: "ip netns, veth, bridge by hand",
          value: byHand?.median,
          unit: "Gbit/s",
          samples: byHand?.samples,
        },
      ];
    } finally {
      hand.close();
    }
  },
};

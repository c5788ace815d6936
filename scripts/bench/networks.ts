import { closeSync } from "node:fs";
import { ensureNetwork } from "../../net/bring-up.ts";
import { connectEndpoint, planEndpoint } from "../../net/endpoint.ts";
import { acquireLease, releaseLease } from "../../net/ipam.ts";
import type { LiveNetwork, Network } from "../../net/network.ts";
import { disconnectRunning } from "../../net/running-endpoint.ts";
import type { Instance } from "../../src/core/paths.ts";
import { ourselves } from "../../src/sys/process.ts";
import { makeNetns } from "../../tests/harness/netns.ts";
import type { Bench, Row } from "./bench.ts";
import { interleave, timeCommand } from "./measure.ts";

const rounds = 25;
const crowdSize = 200;
const self = ourselves();
const idOf = (number: number) => number.toString(16).padStart(8, "0") + "be".repeat(28);

const networkNamed = (name: string, owner: string, third: number): Network => ({
  ...{ name, owner, bridge: `${owner}${third}` },
  ...{ subnet: `10.203.${third}.0/24`, gateway: `10.203.${third}.1` },
  ...{ internal: true, icc: true, masquerade: false },
});

/** Connects a container that runs, and disconnects it: the milliseconds of each. */
async function plug(
  instance: Instance,
  live: LiveNetwork,
  number: number,
): Promise<{ connect: number; disconnect: number }> {
  const netns = makeNetns();
  const container = idOf(number);
  try {
    const begin = performance.now();
    const { address } = await acquireLease(instance, live.network, { container, owner: self });
    await ensureNetwork(instance, live.network);
    const endpoint = planEndpoint({ instance, live, container, address, ifname: "eth0", number: 0 });
    connectEndpoint(endpoint, netns.fd);
    const connected = performance.now();
    await disconnectRunning(endpoint, live.network, instance, netns.fd);
    releaseLease(instance, live.network, container);
    return { connect: connected - begin, disconnect: performance.now() - connected };
  } finally {
    netns.close();
  }
}

/** Fills a network with containers that stay until `close`. */
async function crowd(instance: Instance, live: LiveNetwork): Promise<() => void> {
  const made: number[] = [];
  for (let number = 1; number <= crowdSize; number += 1) {
    const { fd } = makeNetns();
    made.push(fd);
    const container = idOf(number);
    const { address } = await acquireLease(instance, live.network, { container, owner: self });
    const endpoint = planEndpoint({ instance, live, container, address, ifname: "eth0", number: 0 });
    connectEndpoint(endpoint, fd);
  }
  return () => {
    for (const fd of made) closeSync(fd);
  };
}

/** What it costs to plug a running container into a network, empty or crowded. */
export const networks: Bench = {
  name: "networks",
  title: "networks",
  run: async ({ instance, env }) => {
    const empty = await ensureNetwork(instance, networkNamed("empty", instance.prefix, 8));
    const full = await ensureNetwork(instance, networkNamed("full", instance.prefix, 9));
    const close = await crowd(instance, full);
    const disconnects: number[] = [];
    try {
      let last = crowdSize;
      const next = () => {
        last += 1;
        return last;
      };
      const measured = await interleave(rounds, [
        {
          name: "ip link add, ip addr add",
          once: () => {
            const made = timeCommand(["ip", "link", "add", "bench0", "type", "veth"], env);
            const given = timeCommand(["ip", "addr", "add", "10.204.0.1/24", "dev", "bench0"], env);
            timeCommand(["ip", "link", "delete", "bench0"], env);
            return made + given;
          },
        },
        {
          name: "connect",
          once: async () => {
            const { connect, disconnect } = await plug(instance, empty, next());
            disconnects.push(disconnect);
            return connect;
          },
        },
        {
          name: "full",
          once: async () => (await plug(instance, full, next())).connect,
        },
      ]);
      return rowsOf(measured, disconnects);
    } finally {
      close();
    }
  },
};

function rowsOf(
  measured: readonly {
    readonly name: string;
    readonly median: number;
    readonly samples: readonly number[];
  }[],
  disconnects: readonly number[],
): Row[] {
  const of = (name: string) => measured.find((one) => one.name === name);
  const [ip, connect, full] = [of("ip link add, ip addr add"), of("connect"), of("full")];
  const base = ip?.median ?? Number.NaN;
  const sorted = [...disconnects].sort((one, other) => one - other);
  const disconnect = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const alone = connect?.median ?? Number.NaN;
  const crowded = full?.median ?? Number.NaN;
  return [
    { label: "ip link add + ip addr add", value: base, unit: "ms", samples: ip?.samples },
    {
      ...{ label: "connect a running container", value: alone, unit: "ms", samples: connect?.samples },
      ratio: { to: "ip", value: alone / base },
      note: "lease, link, addresses, routes",
    },
    {
      ...{ label: "disconnect it", value: disconnect, unit: "ms", samples: disconnects },
      ratio: { to: "ip", value: disconnect / base },
      note: "until the container has it no more",
    },
    {
      ...{ label: `connect beside ${crowdSize} others`, value: crowded, unit: "ms", samples: full?.samples },
      ratio: { to: "connect", value: crowded / alone, atMost: 1.5 },
    },
  ];
}

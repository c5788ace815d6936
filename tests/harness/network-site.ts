import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Endpoint } from "../../net/endpoint.ts";
import { connectEndpoint, planEndpoint } from "../../net/endpoint.ts";
import { acquireLease } from "../../net/ipam.ts";
import type { LiveNetwork } from "../../net/network.ts";
import type { Instance } from "../../src/core/paths.ts";
import { identify, type ProcessIdentity } from "../../src/sys/process.ts";
import { inOwnNetns, makeNetns, type Netns, runHere } from "./netns.ts";

/** A throw-away host for the network code itself: this thread is in its network namespace. */
export interface NetworkSite {
  readonly host: Netns;
  readonly instance: Instance;
  /** Makes a namespace that plays a container, connected to the network. */
  readonly container: (live: LiveNetwork, number?: number) => Promise<{ netns: Netns; endpoint: Endpoint }>;
  /** Makes a namespace that plays the outside world: 192.0.2.2, which knows no way to any container. */
  readonly outside: () => Netns;
}

/** This process, as the owner of leases. */
export function self(): ProcessIdentity {
  const identity = identify(process.pid);
  if (identity === undefined) throw new Error("this process is not alive");
  return identity;
}

/** A container id that begins with the number. */
export function containerId(number: number): string {
  return number.toString(16).padStart(8, "0") + "c0".repeat(28);
}

/** Runs `act` on such a host and takes it away with all namespaces that were made. */
export async function onNetworkSite<T>(act: (site: NetworkSite) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "mdocker-net-"));
  const instance: Instance = { root: folder, state: folder, prefix: "mdocker" };
  const made: Netns[] = [];
  try {
    return await inOwnNetns((host) =>
      act({
        host,
        instance,
        container: async (live, number = made.length) => {
          const netns = makeNetns();
          made.push(netns);
          const container = containerId(number);
          const { address } = await acquireLease(instance, live.network, { container, owner: self() });
          const endpoint = planEndpoint({ instance, live, container, address, ifname: "eth0", number: 0 });
          connectEndpoint(endpoint, netns.fd);
          return { netns, endpoint };
        },
        outside: () => {
          const netns = makeNetns();
          made.push(netns);
          // ip(8) names a namespace by path; /proc/PID/fd/N is one.
          const path = `/proc/${process.pid}/fd/${netns.fd}`;
          runHere("ip", "link", "add", "up0", "type", "veth", "peer", "name", "up0", "netns", path);
          runHere("ip", "address", "add", "192.0.2.1/30", "dev", "up0");
          runHere("ip", "link", "set", "up0", "up");
          runHere("ip", "route", "add", "default", "via", "192.0.2.2");
          netns.run("ip", "address", "add", "192.0.2.2/30", "dev", "up0");
          netns.run("ip", "link", "set", "up0", "up");
          return netns;
        },
      }),
    );
  } finally {
    for (const netns of made) netns.close();
    rmSync(folder, { recursive: true });
  }
}

/** What the host looks like to the network code: links, addresses, routes, rules without counters, forwarding. */
export function hostState(): string {
  const rules = ["iptables-nft-save", "iptables-legacy-save"].flatMap((save) =>
    runHere(save)
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => `${save}: ${line.replace(/\[\d+:\d+\]/, "")}`),
  );
  return [
    runHere("ip", "-o", "link").replaceAll(/^(\d+: \S+).*$/gm, "$1"),
    runHere("ip", "-o", "address", "show", "scope", "global").replaceAll(/\s+valid_lft.*/g, ""),
    runHere("ip", "-4", "route", "show", "table", "all", "type", "unicast").replaceAll(
      / (linkdown )?$/gm,
      "",
    ),
    ...rules,
    `ip_forward ${runHere("cat", "/proc/sys/net/ipv4/ip_forward")}`,
  ].join("\n");
}

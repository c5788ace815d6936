import { monotonicMs } from "../src/core/clock.ts";
import { messageOf, SetupError } from "../src/core/errors.ts";
import type { Observer } from "../src/core/explain.ts";
import type { Instance } from "../src/core/paths.ts";
import { withLock } from "../src/sys/flock.ts";
import { applyChains, openFirewall } from "./firewall.ts";
import { ifIdle } from "./ipam.ts";
import type { Iptables } from "./iptables.ts";
import { findLink, isBridgeOf, removeLink } from "./link.ts";
import { type NetlinkClient, withNetlink } from "./netlink/client.ts";
import { hasBridge, type Network } from "./network.ts";
import { planNetwork } from "./plan.ts";
import { readPublications } from "./ports/state.ts";
import {
  ensureNetworkFolder,
  networksLock,
  readMarker,
  readMarkers,
  removeMarker,
  writeMarker,
} from "./state.ts";
import { restoreSysctls } from "./sysctl.ts";
import { removeUplink } from "./uplink.ts";

/** What taking a network down needs; the caller holds the lock. */
export interface TearDown {
  readonly instance: Instance;
  readonly network: Network;
  readonly firewall: readonly Iptables[];
  readonly client: NetlinkClient;
  readonly observer?: Observer | undefined;
}

/**
 * Takes a network back: rules, bridge, settings. Never stops early.
 * @throws SetupError that lists all that failed.
 */
export function tearDown({ instance, network, firewall, client, observer }: TearDown): void {
  const others = readMarkers(instance)
    .filter((it) => it.complete && it.network.name !== network.name)
    .map((it) => it.network);
  const failures: string[] = [];
  const attempt = (act: () => void): void => {
    try {
      act();
    } catch (error) {
      failures.push(messageOf(error));
    }
  };
  // Nobody uses it: what was published on it is of the dead.
  const publications = readPublications(instance).filter((it) => it.network !== network.name);
  for (const iptables of firewall) {
    attempt(() => applyChains(iptables, { owner: network.owner, networks: others, publications }, observer));
  }
  attempt(() => {
    const start = monotonicMs();
    const link = hasBridge(network) ? findLink(client, network.bridge) : undefined;
    if (link === undefined || !isBridgeOf(network, link)) return;
    removeLink(client, link.index);
    const ms = monotonicMs() - start;
    const text = `RTM_DELLINK ${network.bridge}`;
    observer?.({ kind: "netlink", text, reason: "no container is connected to it", by: "parent", ms });
  });
  attempt(() => removeUplink(client, network, observer));
  attempt(() => {
    const needed = others.flatMap((other) => planNetwork(other, undefined).hostWide.map(({ path }) => path));
    const { hostWide } = planNetwork({ ...network, internal: false }, undefined);
    restoreSysctls(instance, hostWide, new Set(needed), observer);
  });
  if (failures.length > 0) {
    throw new SetupError(`network ${network.name}: clean-up incomplete: ${failures.join("; ")}`);
  }
  removeMarker(instance, network.name);
}

/**
 * Removes the network unless a container has an address of it: then returns false. One that is not there is fine. The
 * host's settings are put back after the last one; a chain with rules of the user's own stays.
 * @throws SetupError that lists all that failed; calling again goes on.
 */
export async function removeNetwork(
  instance: Instance,
  network: Network,
  observer?: Observer,
): Promise<boolean> {
  const nothing =
    readMarker(instance, network.name) === undefined &&
    (!hasBridge(network) || withNetlink((client) => findLink(client, network.bridge)) === undefined);
  if (nothing) return true;
  const firewall = openFirewall(readMarker(instance, network.name)?.network ?? network);
  ensureNetworkFolder(instance, network.name);
  return withLock(networksLock(instance), () => {
    const marker = readMarker(instance, network.name) ?? { network, mtu: 0 };
    // Marked while nobody can lease: who leases from now on finds no network, and waits for our lock to make it.
    const idle = ifIdle(instance, network.name, () => writeMarker(instance, { ...marker, complete: false }));
    if (idle)
      withNetlink((client) => tearDown({ instance, network: marker.network, firewall, client, observer }));
    return idle;
  });
}

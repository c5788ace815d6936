import { monotonicMs } from "../src/core/clock.ts";
import { hasErrno, messageOf, SetupError } from "../src/core/errors.ts";
import type { Observer, PlannedAction } from "../src/core/explain.ts";
import type { Instance } from "../src/core/paths.ts";
import { withLock } from "../src/sys/flock.ts";
import { refuseCollision } from "./collision.ts";
import { driverOf } from "./driver/drivers.ts";
import { applyChains, openFirewall } from "./firewall.ts";
import type { Iptables } from "./iptables.ts";
import { findLink, isBridgeOf } from "./link.ts";
import { type NetlinkClient, withNetlink } from "./netlink/client.ts";
import { parseLink } from "./netlink/link.ts";
import { bridgeAlias, hasBridge, type LiveNetwork, type Network } from "./network.ts";
import { performSteps } from "./perform.ts";
import { describeNetwork, planNetwork } from "./plan.ts";
import { restoreLocalnet } from "./ports/localnet.ts";
import { readPublications } from "./ports/state.ts";
import { ensureNetworkFolder, networksLock, readMarker, readMarkers, writeMarker } from "./state.ts";
import { applySysctl, rememberSysctl } from "./sysctl.ts";
import { tearDown } from "./tear-down.ts";
import { ensureUplink } from "./uplink.ts";

/**
 * The network, if it is up as defined: marked as complete in this boot, and its bridge there, ours and up. Cheap (one
 * file, one netlink message): every start asks. Lease an address before you ask, and nobody removes it meanwhile.
 */
export function networkIsUp(instance: Instance, network: Network): LiveNetwork | undefined {
  const marker = readMarker(instance, network.name);
  if (marker?.complete !== true || !sameNetwork(marker.network, network)) return undefined;
  // A cable has nothing on the host.
  if (network.driver === "link") return { network, bridgeIndex: 0, mtu: marker.mtu };
  const link = withNetlink((client) => findLink(client, network.bridge));
  if (link?.up !== true || (hasBridge(network) && link.alias !== bridgeAlias(network))) return undefined;
  return { network, bridgeIndex: link.index, mtu: marker.mtu };
}

/** The same for those who only explain: without the right to read our files, as the bridge itself looks. */
function seemsUp(instance: Instance, network: Network): { readonly mtu: number } | undefined {
  try {
    return networkIsUp(instance, network);
  } catch (error) {
    if (!hasErrno(error, "EACCES")) throw error;
    if (!hasBridge(network)) return undefined;
    const link = withNetlink((client) => findLink(client, network.bridge));
    return link?.up === true && link.alias === bridgeAlias(network) ? link : undefined;
  }
}

function mtuOf(client: NetlinkClient, network: Network): number {
  return network.mtu ?? driverOf(network).defaultMtu(client, network);
}

/** The MTU that the network has or would get, for explaining a start. Reads only. */
export function expectedMtu(instance: Instance, network: Network): number {
  return seemsUp(instance, network)?.mtu ?? withNetlink((client) => mtuOf(client, network));
}

/** What {@link ensureNetwork} does when there is nothing to do. */
function describeUp(network: Network): PlannedAction {
  const reason = `network ${network.name} is up: nothing of it has to be made`;
  return { kind: "netlink", text: `RTM_GETLINK ${network.bridge}`, reason, by: "parent" };
}

/** What {@link ensureNetwork} would do now. Reads only. */
export function describeBringUp(instance: Instance, network: Network): PlannedAction[] {
  // There is nothing to look at where a cable will be.
  if (network.driver === "link") return [];
  if (seemsUp(instance, network) !== undefined) return [describeUp(network)];
  return describeNetwork(network, expectedMtu(instance, network));
}

function sameNetwork(one: Network, other: Network): boolean {
  const keys = new Set([...Object.keys(one), ...Object.keys(other)]) as Set<keyof Network>;
  return [...keys].every((key) => JSON.stringify(one[key]) === JSON.stringify(other[key]));
}

/**
 * Makes the network unless it is up: bridge, address, settings, rules. Many may ask at once, one does it. After a
 * failure nothing of it is left.
 * @throws SetupError when the subnet collides with a route, the bridge's name is taken, or iptables is missing;
 * SyscallError when the kernel refuses.
 */
export async function ensureNetwork(
  instance: Instance,
  network: Network,
  observer?: Observer,
): Promise<LiveNetwork> {
  const begin = monotonicMs();
  const up = networkIsUp(instance, network);
  if (up !== undefined) {
    observer?.({ ...describeUp(network), ms: monotonicMs() - begin });
    return up;
  }
  const firewall = openFirewall(network);
  ensureNetworkFolder(instance, network.name);
  return withLock(networksLock(instance), () => {
    const meanwhile = networkIsUp(instance, network);
    if (meanwhile !== undefined) return meanwhile;
    return withNetlink((client) => bringUp({ instance, network, firewall, client, observer }));
  });
}

interface Site {
  readonly instance: Instance;
  readonly network: Network;
  readonly firewall: readonly Iptables[];
  readonly client: NetlinkClient;
  readonly observer: Observer | undefined;
}

function bringUp(site: Site): LiveNetwork {
  const { instance, network, client } = site;
  const old = readMarker(instance, network.name)?.network;
  // Of another definition, and nobody uses it: the address pool refuses a second subnet beside live leases.
  if (old !== undefined && !sameNetwork(old, network))
    tearDown({ ...site, network: old, observer: undefined });
  if (!hasBridge(network)) return makeWithoutBridge(site);
  const before = findLink(client, network.bridge);
  if (before !== undefined && !isBridgeOf(network, before)) {
    throw new SetupError(
      `network ${network.name}: a link ${network.bridge} exists that is not of this network: ` +
        "remove it, or set MDOCKER_PREFIX to another name",
    );
  }
  refuseCollision(client, network, before?.index);
  try {
    return make(site, before?.index);
  } catch (error) {
    // What was there before, in use perhaps and half broken, is left for the next try.
    if (before === undefined) {
      try {
        tearDown({ ...site, observer: undefined });
      } catch (cleanup) {
        throw new SetupError(`${messageOf(error)}; ${messageOf(cleanup)}`, { cause: error });
      }
    }
    throw error;
  }
}

/** Of a network without a bridge there is at most a VLAN on the host, and no rule. */
function makeWithoutBridge({ instance, network, client, observer }: Site): LiveNetwork {
  const mtu = mtuOf(client, network);
  const { uplink } = planNetwork(network, mtu);
  writeMarker(instance, { network, mtu, complete: false });
  const bridgeIndex = uplink === undefined ? 0 : ensureUplink(client, network, uplink, observer);
  writeMarker(instance, { network, mtu, complete: true });
  return { network, bridgeIndex, mtu };
}

function make(
  { instance, network, firewall, client, observer }: Site,
  existing: number | undefined,
): LiveNetwork {
  const mtu = mtuOf(client, network);
  const plan = planNetwork(network, mtu);
  writeMarker(instance, { network, mtu, complete: false });
  for (const sysctl of plan.hostWide) {
    rememberSysctl(instance, sysctl);
    applySysctl(sysctl, observer);
  }
  const steps = plan.bridge.filter(({ kind }) => existing === undefined || kind !== "new-bridge");
  const found = performSteps(client, steps, { indexes: new Map() }, observer).at(-1);
  if (found === undefined) throw new SetupError(`netlink: no answer about ${network.bridge}`);
  const { index } = parseLink(found);
  const known = { indexes: new Map([[network.bridge, index]]) };
  for (const step of plan.address) {
    try {
      performSteps(client, [step], known, observer);
    } catch (error) {
      if (existing === undefined || !hasErrno(error, "EEXIST")) throw error;
    }
  }
  if (plan.uplink !== undefined) ensureUplink(client, network, plan.uplink, observer, index);
  for (const sysctl of plan.own) applySysctl(sysctl, observer);
  const others = readMarkers(instance).filter((it) => it.complete && it.network.name !== network.name);
  const state = {
    owner: network.owner,
    // In one order always: rules are compared in theirs.
    networks: [...others.map((it) => it.network), network].sort((a, b) => (a.name < b.name ? -1 : 1)),
    publications: readPublications(instance),
  };
  for (const iptables of firewall) applyChains(iptables, state, observer);
  restoreLocalnet(instance, network);
  writeMarker(instance, { network, mtu, complete: true });
  return { network, bridgeIndex: index, mtu };
}

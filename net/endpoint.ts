import { monotonicMs } from "../src/core/clock.ts";
import { messageOf, SetupError } from "../src/core/errors.ts";
import type { Observer, PlannedAction } from "../src/core/explain.ts";
import { type Instance, vethPrefix } from "../src/core/paths.ts";
import { insideNetns } from "../src/sys/namespaces.ts";
import { ipv4Block } from "./ipv4.ts";
import { findLink, removeLink } from "./link.ts";
import { type NetlinkClient, withNetlink } from "./netlink/client.ts";
import { getLink, parseLink } from "./netlink/link.ts";
import { macOf } from "./netlink/mac.ts";
import { type LiveNetwork, linkAlias } from "./network.ts";
import { performSteps } from "./perform.ts";
import { describeStep, type NetlinkStep } from "./step.ts";
import { applySysctl, describeSysctl, type Sysctl } from "./sysctl.ts";

/** One interface of a container on one network: everything that is needed to make it. */
export interface Endpoint {
  readonly network: string;
  /** Name inside: `eth0`. */
  readonly ifname: string;
  /** Name of the other end, on the bridge. */
  readonly hostName: string;
  readonly alias: string;
  readonly bridge: string;
  /** Index of the bridge, where it is known; else it is looked up. */
  readonly bridgeIndex?: number | undefined;
  readonly mac: string;
  readonly address: string;
  readonly prefixLength: number;
  /** Where the default route leads; absent: no default route by this interface. */
  readonly gateway?: string | undefined;
  readonly mtu: number;
  /** May not talk to other containers of the network. */
  readonly isolated: boolean;
}

/** What decides how an endpoint looks. */
export interface EndpointRequest {
  readonly instance: Instance;
  /** Without an index for explaining a network that is not up yet. */
  readonly live: Omit<LiveNetwork, "bridgeIndex"> & { readonly bridgeIndex?: number | undefined };
  /** Id of the container. */
  readonly container: string;
  /** From its lease. */
  readonly address: string;
  readonly ifname: string;
  /** Which of the container's interfaces it is, from 0. The default route is the first one's. */
  readonly number: number;
  /** Fixed MAC; else `02:42` and the address, so that no neighbour ever remembers a stale one. */
  readonly mac?: string | undefined;
}

/** The endpoint of a container, without doing anything. */
export function planEndpoint(request: EndpointRequest): Endpoint {
  const { instance, live, container, address, ifname, number, mac } = request;
  const { network, bridgeIndex, mtu } = live;
  return {
    network: network.name,
    ifname,
    hostName: `${vethPrefix(instance)}${container.slice(0, 8)}${number}`,
    alias: linkAlias(network, container),
    bridge: network.bridge,
    bridgeIndex,
    mac: mac ?? macOf(address),
    address,
    prefixLength: ipv4Block(network.subnet).prefixLength,
    gateway: number === 0 && !network.internal ? network.gateway : undefined,
    mtu,
    isolated: !network.icc,
  };
}

const loopback: NetlinkStep = { kind: "up", link: "lo", reason: "programs expect 127.0.0.1" };

/** The steps by namespace: the pair first and alone, because what follows must not touch another's link of that name. */
function stepsOf(endpoint: Endpoint): Record<"pair" | "mark" | "find" | "inside", NetlinkStep[]> {
  const { hostName, ifname, bridge, mac, mtu, address, prefixLength, gateway, alias, isolated } = endpoint;
  return {
    pair: [
      {
        kind: "new-veth",
        name: hostName,
        bridge,
        mtu,
        peer: { name: ifname, mac },
        reason: "a cable from the bridge into the container, both ends born where they belong",
      },
    ],
    mark: [
      {
        kind: "alias",
        link: hostName,
        alias,
        ...(isolated ? { isolated } : {}),
        reason: isolated
          ? "the link can be recognised; it may not talk to other containers"
          : "the link can be recognised",
      },
    ],
    find: [loopback, { kind: "find", link: ifname, reason: "its index, for the messages below" }],
    inside: [
      {
        kind: "new-address",
        link: ifname,
        address,
        prefixLength,
        reason: `its lease on ${endpoint.network}`,
      },
      { kind: "up", link: ifname, reason: "up after it has its address, so that it is announced" },
      ...(gateway === undefined
        ? []
        : [{ kind: "default-route", gateway, reason: "everything else leaves by the bridge" } as const]),
    ],
  };
}

/**
 * Settings of the link itself. They are written from here, right before it comes up: what the container's first process
 * writes for all links at the same time may come too late for this one.
 */
function settingsOf({ ifname }: Endpoint): Sysctl[] {
  const addresses = "addresses are handed out by mdocker";
  return [
    {
      path: `net/ipv4/conf/${ifname}/arp_notify`,
      value: "1",
      reason: "its address is announced when the link comes up, so that neighbours learn it at once",
    },
    {
      path: `net/ipv6/conf/${ifname}/accept_dad`,
      value: "0",
      reason: `${addresses}: no waiting for duplicates`,
      optional: true,
    },
    {
      path: `net/ipv6/conf/${ifname}/accept_ra`,
      value: "0",
      reason: `${addresses}: no listening to routers`,
      optional: true,
    },
  ];
}

/** What connecting the endpoint will do, message by message. */
export function describeEndpoint(endpoint: Endpoint): PlannedAction[] {
  const { pair, mark, find, inside } = stepsOf(endpoint);
  return [
    ...[...pair, ...mark, ...find].map(describeStep),
    ...settingsOf(endpoint).map(describeSysctl),
    ...inside.map(describeStep),
  ];
}

/**
 * Makes the endpoint in the network namespace `netns` (an open file), from the host's one. After a failure nothing of
 * it is left.
 * @throws SyscallError
 */
export function connectEndpoint(endpoint: Endpoint, netns: number, observer?: Observer): void {
  const { pair, mark, find, inside } = stepsOf(endpoint);
  withNetlink((host) => {
    const bridgeIndex = endpoint.bridgeIndex ?? parseLink(host.get(getLink(endpoint.bridge))).index;
    const known = { indexes: new Map([[endpoint.bridge, bridgeIndex]]), netns };
    let made = false;
    try {
      performSteps(
        host,
        pair,
        known,
        observer &&
          ((action) => {
            made = true;
            observer(action);
          }),
      );
      made = true;
      performSteps(host, mark, known, observer);
      insideNetns(netns, () =>
        withNetlink((container) => {
          const [, found] = performSteps(container, find, known, observer);
          const index = found === undefined ? 0 : parseLink(found).index;
          for (const sysctl of settingsOf(endpoint)) applySysctl(sysctl, observer);
          performSteps(container, inside, { indexes: new Map([[endpoint.ifname, index]]) }, observer);
        }),
      );
    } catch (error) {
      // A pair that could not be made may have met another's link of that name.
      if (made) takeBack(host, endpoint, error);
      throw error;
    }
  });
}

function takeBack(host: NetlinkClient, { hostName }: Endpoint, failure: unknown): void {
  try {
    removeLink(host, hostName);
  } catch (cleanup) {
    throw new SetupError(`${messageOf(failure)}; clean-up incomplete: ${messageOf(cleanup)}`, {
      cause: failure,
    });
  }
}

/**
 * Removes the endpoint's links; one that is gone, or that is not ours, is left alone. The kernel takes 10 to 40 ms for
 * it: where the container's network namespace goes away anyway, its links go with it for nothing.
 */
export function disconnectEndpoint(
  endpoint: Pick<Endpoint, "hostName" | "alias">,
  observer?: Observer,
): void {
  const start = monotonicMs();
  withNetlink((client) => {
    const link = findLink(client, endpoint.hostName);
    if (link?.alias !== endpoint.alias) return;
    removeLink(client, link.index);
    observer?.({
      kind: "netlink",
      text: `RTM_DELLINK ${endpoint.hostName}`,
      reason: "the container is gone; its end of the pair goes too",
      by: "parent",
      ms: monotonicMs() - start,
    });
  });
}

/** Brings up lo in the network namespace `netns` (an open file): all that `--net none` has. */
export function configureLoopback(netns: number, observer?: Observer): void {
  insideNetns(netns, () =>
    withNetlink((client) => performSteps(client, [loopback], { indexes: new Map() }, observer)),
  );
}

/** What {@link configureLoopback} will do. */
export function describeLoopback(): PlannedAction[] {
  return [describeStep(loopback)];
}

/**
 * Settings of a container's network namespace, which its own first process writes before it runs the command; one that
 * the kernel does not have (IPv6 switched off) is left out.
 */
export function containerSysctls(): Record<string, string> {
  return {
    // As for the links that mdocker makes itself, should others come later.
    "net.ipv4.conf.default.arp_notify": "1",
    "net.ipv6.conf.default.accept_dad": "0",
    "net.ipv6.conf.default.accept_ra": "0",
    // ping without CAP_NET_RAW, for every group.
    "net.ipv4.ping_group_range": "0 2147483647",
  };
}

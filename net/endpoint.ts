import { messageOf, SetupError } from "../src/core/errors.ts";
import type { Observer, PlannedAction } from "../src/core/explain.ts";
import { type Instance, vethPrefix } from "../src/core/paths.ts";
import { highestId } from "../src/core/rootless.ts";
import { insideNetns } from "../src/sys/namespaces.ts";
import type { ProcessIdentity } from "../src/sys/process.ts";
import { connectCable } from "./driver/cable.ts";
import { driverOf } from "./driver/drivers.ts";
import { loopback, setUpInside } from "./endpoint-steps.ts";
import { ipv4Block } from "./ipv4.ts";
import { ipv6Block } from "./ipv6.ts";
import { findLink, removeLink } from "./link.ts";
import { type NetlinkClient, withNetlink } from "./netlink/client.ts";
import { getLink, parseLink } from "./netlink/link.ts";
import { formatMac, macOf } from "./netlink/mac.ts";
import { type LiveNetwork, linkAlias, type Network, type NetworkDriver } from "./network.ts";
import { performSteps } from "./perform.ts";
import { networkFile } from "./state.ts";
import { describeStep } from "./step.ts";
import { type Routes, routeFields, waysOut } from "./way-out.ts";

/** One interface of a container on one network: everything that is needed to make it. */
export interface Endpoint {
  readonly network: string;
  /** Absent: bridge. */
  readonly driver?: NetworkDriver | undefined;
  /** Of macvlan and ipvlan. */
  readonly mode?: string | undefined;
  /** Name inside: `eth0`. */
  readonly ifname: string;
  /** Name of the other end, on the bridge; empty where the host has none. */
  readonly hostName: string;
  readonly alias: string;
  /** The bridge, the parent, or the waiting end: {@link Network.bridge}. */
  readonly bridge: string;
  /** Index of the bridge or parent, where it is known; else it is looked up. */
  readonly bridgeIndex?: number | undefined;
  /** Empty where it is the parent's. */
  readonly mac: string;
  /** Empty without IPv4. */
  readonly address: string;
  readonly prefixLength: number;
  /** Where the default route leads; absent: no default route by this interface. */
  readonly gateway?: string | undefined;
  readonly address6?: string | undefined;
  readonly prefixLength6?: number | undefined;
  readonly gateway6?: string | undefined;
  readonly linkLocal?: readonly string[] | undefined;
  /** Default routes of these families that lead into the link itself, without a gateway. */
  readonly direct?: Routes | undefined;
  /** Its default routes take the place of those there are. */
  readonly replace?: boolean | undefined;
  readonly mtu: number;
  /** May not talk to other containers of the network. */
  readonly isolated: boolean;
  /** It tells all others of its address when it comes up: a frame to each of them. */
  readonly announce: boolean;
  /** Of a cable: the file that knows both its ends, and who has this one. */
  readonly cable?: { readonly file: string; readonly holder: ProcessIdentity | undefined } | undefined;
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
  readonly address6?: string | undefined;
  readonly ifname: string;
  /** Which of the container's interfaces it is, from 0. */
  readonly number: number;
  /** Fixed MAC; else `02:42` and the address, so that no neighbour ever remembers a stale one. */
  readonly mac?: string | undefined;
  /** Another had the address until lately, as its lease says. */
  readonly announce?: boolean | undefined;
  /** Which default routes lead by it; absent: all that there are, for the first interface. */
  readonly routes?: Routes | undefined;
  readonly replace?: boolean | undefined;
  /** Link-local addresses of either family, beside the leased ones. */
  readonly linkLocal?: readonly string[] | undefined;
  /** The container's pid 1. */
  readonly holder?: ProcessIdentity | undefined;
}

/** Name of the host's end of a container's interface, numbered from 0. */
export function hostEndName(instance: Instance, container: string, number: number): string {
  return `${vethPrefix(instance)}${container.slice(0, 8)}${number}`;
}

const none: Routes = { v4: false, v6: false };

/** The MAC of an interface without an address: of the container's id, another one for each number. */
function macOfId(container: string, number: number): string {
  const digits = container.slice((number * 8) % 56, ((number * 8) % 56) + 8);
  return `02:42:${formatMac(Uint8Array.from(Buffer.from(digits, "hex")))}`;
}

function macFor({ mac, address, container, number }: EndpointRequest, { driver }: Network): string {
  if (driver === "ipvlan") return "";
  return mac ?? (address === "" ? macOfId(container, number) : macOf(address));
}

/** True where machines and switches outside have to learn where the container is now. */
function reachesOut({ driver = "bridge", parent }: Network): boolean {
  return driver !== "bridge" || parent !== undefined;
}

/** The endpoint of a container, without doing anything. */
export function planEndpoint(request: EndpointRequest): Endpoint {
  const { instance, live, container, address, address6, ifname, number, replace, holder } = request;
  const { network, bridgeIndex, mtu } = live;
  const { driver = "bridge", subnet, subnet6 } = network;
  const routes = request.routes ?? (number === 0 ? waysOut(network) : none);
  const onBridge = driver === "bridge" || driver === "vxlan";
  return {
    network: network.name,
    ...(driver !== "bridge" && { driver, mode: network.mode }),
    ifname,
    hostName: onBridge ? hostEndName(instance, container, number) : "",
    alias: linkAlias(network, container),
    bridge: network.bridge,
    bridgeIndex,
    mac: macFor(request, network),
    address,
    prefixLength: subnet === "" ? 0 : ipv4Block(subnet).prefixLength,
    ...(address6 !== undefined &&
      subnet6 !== undefined && { address6, prefixLength6: ipv6Block(subnet6).prefixLength }),
    ...routeFields(network, routes),
    linkLocal: request.linkLocal,
    replace,
    mtu,
    isolated: !network.icc,
    announce: request.announce === true || reachesOut(network),
    ...(driver === "link" && { cable: { file: networkFile(instance, network.name, "cable"), holder } }),
  };
}

/**
 * Makes the endpoint in the network namespace `netns` (an open file), from the host's one. After a failure nothing of
 * it is left.
 * @throws SyscallError
 */
export function connectEndpoint(endpoint: Endpoint, netns: number, observer?: Observer): void {
  if (endpoint.cable !== undefined) {
    connectCable(endpoint, netns, observer);
    return;
  }
  // The first step alone makes the link: what follows must not touch another's link of that name.
  const [birth, ...rest] = driverOf(endpoint).birth(endpoint);
  withNetlink((host) => {
    const bridgeIndex = endpoint.bridgeIndex ?? parseLink(host.get(getLink(endpoint.bridge))).index;
    const known = { indexes: new Map([[endpoint.bridge, bridgeIndex]]), netns };
    let made = false;
    try {
      performSteps(
        host,
        birth === undefined ? [] : [birth],
        known,
        observer &&
          ((action) => {
            made = true;
            observer(action);
          }),
      );
      made = true;
      if (rest.length > 0) performSteps(host, rest, known, observer);
      setUpInside(endpoint, netns, observer);
    } catch (error) {
      // A link that could not be made may have met another's of that name.
      if (made) takeBack(host, endpoint, netns, error);
      throw error;
    }
  });
}

function takeBack(
  host: NetlinkClient,
  { hostName, ifname }: Endpoint,
  netns: number,
  failure: unknown,
): void {
  try {
    if (hostName === "") insideNetns(netns, () => withNetlink((client) => removeLink(client, ifname)));
    else removeLink(host, hostName);
  } catch (cleanup) {
    throw new SetupError(`${messageOf(failure)}; clean-up incomplete: ${messageOf(cleanup)}`, {
      cause: failure,
    });
  }
}

/**
 * Removes the endpoint's links; one that is gone, or that is not ours, is left alone. It waits 15 to 40 ms for the kernel:
 * see net/link-removal.ts for those who have better to do. Where the container's network namespace goes away anyway, its
 * links go with it for nothing.
 */
export function disconnectEndpoint({ hostName, alias }: Pick<Endpoint, "hostName" | "alias">): void {
  // It is in the container's namespace alone, and goes with that.
  if (hostName === "") return;
  withNetlink((client) => {
    const link = findLink(client, hostName);
    if (link?.alias === alias) removeLink(client, link.index);
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
export function containerSysctls(highest: number = highestId()): Record<string, string> {
  return {
    // As for the links that mdocker makes itself, should others come later.
    "net.ipv6.conf.default.accept_dad": "0",
    "net.ipv6.conf.default.accept_ra": "0",
    // ping without CAP_NET_RAW, for every group.
    "net.ipv4.ping_group_range": `0 ${highest}`,
  };
}

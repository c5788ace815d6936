import type { Instance } from "../src/core/paths.ts";

/** How the links of a network are made. */
export type NetworkDriver = "bridge" | "macvlan" | "ipvlan" | "link" | "vxlan";

/** A network that containers can be connected to. Plain data: it is compared, stored and printed as it is. */
export interface Network {
  readonly name: string;
  /** Prefix of the instance that it belongs to: begins its aliases, comments and chains. */
  readonly owner: string;
  /** Absent: `bridge`. */
  readonly driver?: NetworkDriver | undefined;
  /**
   * Name of the Linux bridge; with macvlan and ipvlan of the parent link; with `link` of the end that waits for its second
   * container.
   */
  readonly bridge: string;
  /** `10.200.1.0/24`; empty for a `link` whose ends have no IPv4 addresses. */
  readonly subnet: string;
  /** The bridge's own address; for macvlan and ipvlan that of the router outside; empty where there is none. */
  readonly gateway: string;
  /** The part of the subnet that addresses are handed out of: `10.200.1.128/25`; absent: all of it. */
  readonly ipRange?: string | undefined;
  /** `fd12:3456:789a:1::/64`, canonical (RFC 5952); absent: no IPv6. */
  readonly subnet6?: string | undefined;
  /** The bridge's own IPv6 address; there where subnet6 is, but for `link`. */
  readonly gateway6?: string | undefined;
  readonly ipRange6?: string | undefined;
  /** Addresses of either family that are never handed out, by the name of who has them. */
  readonly auxiliary?: Readonly<Record<string, string>> | undefined;
  /** MTU of the bridge and of every link on it; absent: that of the default route's interface, or of the parent. */
  readonly mtu?: number | undefined;
  /** No way in or out: only containers of the network and the host. */
  readonly internal: boolean;
  /** Containers of the network may talk to each other. */
  readonly icc: boolean;
  /** Packets to the outside carry the host's address. */
  readonly masquerade: boolean;
  /** The host's address that published ports are bound to where none is named; absent: 127.0.0.1. */
  readonly hostBinding?: string | undefined;
  /** The host's link that macvlan and ipvlan share, or that a bridge has as an uplink: `eth0`, or `eth0.50` of VLAN 50. */
  readonly parent?: string | undefined;
  /** macvlan: bridge, private, vepa, passthru; ipvlan: l2, l3, l3s. */
  readonly mode?: string | undefined;
  readonly vxlan?: VxlanSettings | undefined;
}

/** The tunnel that joins a network's bridge with those of other hosts (RFC 7348). */
export interface VxlanSettings {
  readonly vni: number;
  /** Addresses of the other hosts, of one family. */
  readonly remotes: readonly string[];
  /** Address of this host that they know; absent: that of the route. */
  readonly local?: string | undefined;
  /** The host's link that leads to them; absent: that of the route. */
  readonly dev?: string | undefined;
  /** UDP port, the same on all hosts. */
  readonly port: number;
}

/** True for a network that the host is on, by a bridge: only what goes through one passes the host's rules. */
export function hasBridge({ driver = "bridge" }: Pick<Network, "driver">): boolean {
  return driver === "bridge" || driver === "vxlan";
}

/** A network that is up: its bridge exists, is ours and has its rules. */
export interface LiveNetwork {
  readonly network: Network;
  /** Of the bridge, or of the parent link; 0 where there is neither. */
  readonly bridgeIndex: number;
  readonly mtu: number;
}

const DEFAULT_SUBNET = "10.200.1.0/24";
const DEFAULT_GATEWAY = "10.200.1.1";

/**
 * The network `bridge`, which every container joins unless told otherwise: `mdocker0`, 10.200.1.0/24.
 * @param subnet Another subnet, where the host uses that one already; the environment's MDOCKER_SUBNET unless given.
 * @throws UsageError when that is not a subnet.
 */
export async function defaultNetwork(
  instance: Instance,
  subnet: string | undefined = process.env["MDOCKER_SUBNET"],
): Promise<Network> {
  let range = { subnet: DEFAULT_SUBNET, gateway: DEFAULT_GATEWAY };
  if (subnet !== undefined && subnet !== "" && subnet !== DEFAULT_SUBNET) {
    const { parseSubnet } = await import("./subnet.ts");
    range = await parseSubnet(subnet, "MDOCKER_SUBNET");
  }
  return {
    name: "bridge",
    owner: instance.prefix,
    bridge: `${instance.prefix}0`,
    ...range,
    internal: false,
    icc: true,
    masquerade: true,
  };
}

/** The alias by which a bridge is known to be ours. No container is called `network`: theirs are ids. */
export function bridgeAlias(network: Network): string {
  return `${network.owner}:network:${network.name}`;
}

/** The alias of what a network has on the host beside its bridge. No container is called `uplink` either. */
export function uplinkAlias(network: Pick<Network, "owner" | "name">): string {
  return `${network.owner}:uplink:${network.name}`;
}

/** The alias of a container's host-side link. */
export function linkAlias(network: Pick<Network, "owner" | "name">, container: string): string {
  return `${network.owner}:${container}:${network.name}`;
}

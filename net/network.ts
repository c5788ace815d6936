import type { Instance } from "../src/core/paths.ts";

/** How the links of a network are made. */
type NetworkDriver = "bridge" | "macvlan" | "ipvlan" | "link" | "vxlan";

/** A network that containers can be connected to. Plain data: it is compared, stored and printed as it is. */
export interface Network {
  readonly name: string;
  /** Prefix of the instance that it belongs to: begins its aliases, comments and chains. */
  readonly owner: string;
  /** Absent: `bridge`. */
  readonly driver?: NetworkDriver | undefined;
  /** Name of the Linux bridge. */
  readonly bridge: string;
  /** `10.200.1.0/24`. */
  readonly subnet: string;
  /** The bridge's own address. */
  readonly gateway: string;
  /** `fd12:3456:789a:1::/64`, canonical (RFC 5952); absent: no IPv6. */
  readonly subnet6?: string | undefined;
  /** The bridge's own IPv6 address; there where subnet6 is. */
  readonly gateway6?: string | undefined;
  /** MTU of the bridge and of every link on it; absent: that of the default route's interface. */
  readonly mtu?: number;
  /** No way in or out: only containers of the network and the host. */
  readonly internal: boolean;
  /** Containers of the network may talk to each other. */
  readonly icc: boolean;
  /** Packets to the outside carry the host's address. */
  readonly masquerade: boolean;
  /** The host's address that published ports are bound to where none is named; absent: 127.0.0.1. */
  readonly hostBinding?: string | undefined;
}

/** A network that is up: its bridge exists, is ours and has its rules. */
export interface LiveNetwork {
  readonly network: Network;
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

/** The alias of a container's host-side link. */
export function linkAlias(network: Pick<Network, "owner" | "name">, container: string): string {
  return `${network.owner}:${container}:${network.name}`;
}

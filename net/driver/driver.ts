import type { Endpoint } from "../endpoint.ts";
import type { NetlinkClient } from "../netlink/client.ts";
import type { Network } from "../network.ts";
import type { NetlinkStep } from "../step.ts";
import type { Sysctl } from "../sysctl.ts";

/** A link of the host that a network needs beside its bridge: a VLAN, a tunnel. */
export interface Uplink {
  readonly name: string;
  /** By which it is known to be ours. */
  readonly alias: string;
  /** What to do about one of that name that is not ours: use it and never remove it, or refuse. */
  readonly foreign: "use" | "refuse";
  /** Makes it; what it stands on has been looked up. */
  readonly make: readonly NetlinkStep[];
  /** What follows, each fine if it is so already. */
  readonly follow: readonly NetlinkStep[];
}

/** What a network consists of, beside its rules. */
export interface NetworkPlan {
  /** Host-wide settings, to be put back after the last network. */
  readonly hostWide: readonly Sysctl[];
  readonly bridge: readonly NetlinkStep[];
  readonly address: readonly NetlinkStep[];
  readonly uplink?: Uplink | undefined;
  /** Settings that vanish with the bridge. */
  readonly own: readonly Sysctl[];
}

/** How networks of one kind are made: pure steps, which bring-up and endpoint perform. */
export interface Driver {
  /** @param mtu Undefined when it is not known yet: for explaining only. */
  readonly plan: (network: Network, mtu: number | undefined) => NetworkPlan;
  /** The birth of a container's link, from the host's namespace: the first step alone makes it. */
  readonly birth: (endpoint: Endpoint) => readonly NetlinkStep[];
  /** The MTU of a network that names none. */
  readonly defaultMtu: (client: NetlinkClient, network: Network) => number;
}

import type { PlannedAction } from "../src/core/explain.ts";
import { describeChains } from "./chain.ts";
import { ipv4Block } from "./ipv4.ts";
import { macOf } from "./netlink/mac.ts";
import { bridgeAlias, type Network } from "./network.ts";
import { desiredChains } from "./rules.ts";
import { describeStep, type NetlinkStep } from "./step.ts";
import { describeSysctl, type Sysctl } from "./sysctl.ts";

/** What a network consists of, beside its rules. */
export interface NetworkPlan {
  /** Host-wide settings, to be put back after the last network. */
  readonly hostWide: readonly Sysctl[];
  readonly bridge: readonly NetlinkStep[];
  readonly address: readonly NetlinkStep[];
  /** Settings that vanish with the bridge. */
  readonly own: readonly Sysctl[];
}

/** How to make a network, in order. @param mtu Undefined when it is not known yet: for explaining only. */
export function planNetwork(network: Network, mtu: number | undefined): NetworkPlan {
  const { bridge, gateway, subnet, internal, name } = network;
  const { prefixLength } = ipv4Block(subnet);
  const forward: Sysctl = {
    path: "net/ipv4/ip_forward",
    value: "1",
    reason: "the host routes between its interfaces; what it was is noted and put back",
  };
  return {
    hostWide: internal ? [] : [forward],
    bridge: [
      {
        kind: "new-bridge",
        name: bridge,
        mac: macOf(gateway),
        mtu,
        reason: "the switch of the network; its own MAC, else it would change with every container",
      },
      { kind: "alias", link: bridge, alias: bridgeAlias(network), reason: "the bridge can be recognised" },
      { kind: "find", link: bridge, reason: "its index, for the messages below" },
    ],
    address: [
      {
        kind: "new-address",
        link: bridge,
        address: gateway,
        prefixLength,
        reason: `the gateway of ${name}, and the host's route to ${subnet}`,
      },
      { kind: "up", link: bridge, reason: "ready for containers" },
    ],
    own: [
      {
        path: `net/ipv4/conf/${bridge}/rp_filter`,
        value: "2",
        reason: "answers may come by another way: loose reverse path filter",
      },
    ],
  };
}

/** Everything that making the network will do, with the reason for it; `mtu` where it is known. */
export function describeNetwork(network: Network, mtu: number | undefined = network.mtu): PlannedAction[] {
  const { hostWide, bridge, address, own } = planNetwork(network, mtu);
  return [
    ...hostWide.map(describeSysctl),
    ...[...bridge, ...address].map(describeStep),
    ...own.map(describeSysctl),
    ...describeChains(desiredChains(network.owner, [network])),
    ...describeChains(desiredChains(network.owner, [network], [], 6), 6),
  ];
}

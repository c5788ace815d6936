import { defaultRouteMtu } from "../collision.ts";
import type { Endpoint } from "../endpoint.ts";
import { ipv4Block } from "../ipv4.ts";
import { ipv6Block } from "../ipv6.ts";
import { macOf } from "../netlink/mac.ts";
import { bridgeAlias, type Network, uplinkAlias } from "../network.ts";
import type { NetlinkStep } from "../step.ts";
import type { Sysctl } from "../sysctl.ts";
import type { Driver, NetworkPlan, Uplink } from "./driver.ts";
import { parentMtu, vlanSteps } from "./vlan.ts";

function hostWide({ internal, subnet6 }: Network): Sysctl[] {
  if (internal) return [];
  const reason = "the host routes between its interfaces; what it was is noted and put back";
  return [
    { path: "net/ipv4/ip_forward", value: "1", reason },
    ...(subnet6 === undefined ? [] : [{ path: "net/ipv6/conf/all/forwarding", value: "1", reason }]),
  ];
}

function addressSteps({ bridge, name, subnet, gateway, subnet6, gateway6 }: Network): NetlinkStep[] {
  const give = (address: string, prefixLength: number, block: string): NetlinkStep => ({
    kind: "new-address",
    link: bridge,
    address,
    prefixLength,
    reason: `the gateway of ${name}, and the host's route to ${block}`,
  });
  return [
    give(gateway, ipv4Block(subnet).prefixLength, subnet),
    ...(subnet6 === undefined || gateway6 === undefined
      ? []
      : [give(gateway6, ipv6Block(subnet6).prefixLength, subnet6)]),
    { kind: "up", link: bridge, reason: "ready for containers" },
  ];
}

function ownSysctls({ bridge }: Network): Sysctl[] {
  return [
    {
      path: `net/ipv4/conf/${bridge}/rp_filter`,
      value: "2",
      reason: "answers may come by another way: loose reverse path filter",
    },
  ];
}

/** The bridge of a network, with its addresses; all that a `bridge` and a `vxlan` network have in common. */
export function planBridge(network: Network, mtu: number | undefined, uplink?: Uplink): NetworkPlan {
  const { bridge, gateway } = network;
  return {
    hostWide: hostWide(network),
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
    address: addressSteps(network),
    uplink,
    own: ownSysctls(network),
  };
}

/** A cable from the bridge into the container. */
export function bridgeBirth(endpoint: Endpoint): NetlinkStep[] {
  const { hostName, ifname, bridge, mac, mtu, alias, isolated } = endpoint;
  return [
    {
      kind: "new-veth",
      name: hostName,
      bridge,
      mtu,
      peer: { name: ifname, mac },
      reason: "a cable from the bridge into the container, both ends born where they belong",
    },
    {
      kind: "alias",
      link: hostName,
      alias,
      ...(isolated ? { isolated } : {}),
      reason: isolated
        ? "the link can be recognised; it may not talk to other containers"
        : "the link can be recognised",
    },
  ];
}

/** A Linux bridge, with the host as the router; with `-o vlan` and `-o parent` also a port to a VLAN outside. */
export const bridge: Driver = {
  plan: (network, mtu) => {
    const { parent } = network;
    if (parent === undefined) return planBridge(network, mtu);
    const uplink: Uplink = {
      name: parent,
      alias: uplinkAlias(network),
      foreign: "refuse",
      make: vlanSteps(parent),
      follow: [
        {
          kind: "enslave",
          link: parent,
          bridge: network.bridge,
          reason: "the VLAN outside and the containers share one segment",
        },
        { kind: "up", link: parent, reason: "frames pass" },
      ],
    };
    return planBridge(network, mtu, uplink);
  },
  birth: bridgeBirth,
  defaultMtu: (client, { parent }) =>
    (parent === undefined ? undefined : parentMtu(client, parent)) ?? defaultRouteMtu(client),
};

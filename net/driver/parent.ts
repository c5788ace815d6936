import { defaultRouteMtu } from "../collision.ts";
import { type Network, uplinkAlias } from "../network.ts";
import type { Driver, NetworkPlan } from "./driver.ts";
import { parentMtu, vlanSteps } from "./vlan.ts";

/** The host's part of a network whose containers share its link `parent`: nothing, or the VLAN that it is. */
export function planParent(network: Network): NetworkPlan {
  const { parent = "" } = network;
  return {
    hostWide: [],
    bridge: [],
    address: [],
    uplink: {
      name: parent,
      alias: uplinkAlias(network),
      foreign: "use",
      make: vlanSteps(parent),
      follow: [{ kind: "up", link: parent, reason: "what it carries for containers passes" }],
    },
    own: [],
  };
}

/** That of the link they stand on. */
export const mtuOfParent: Driver["defaultMtu"] = (client, { parent = "" }) =>
  parentMtu(client, parent) ?? defaultRouteMtu(client);

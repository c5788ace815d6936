import type { PlannedAction } from "../src/core/explain.ts";
import { describeChains } from "./chain.ts";
import type { NetworkPlan, Uplink } from "./driver/driver.ts";
import { driverOf } from "./driver/drivers.ts";
import type { Network } from "./network.ts";
import { desiredChains } from "./rules.ts";
import { describeStep, type NetlinkStep } from "./step.ts";
import { describeSysctl } from "./sysctl.ts";

/** How to make a network, in order. @param mtu Undefined when it is not known yet: for explaining only. */
export function planNetwork(network: Network, mtu: number | undefined): NetworkPlan {
  return driverOf(network).plan(network, mtu);
}

/** All steps that make an uplink. One that is there already is only set up. */
export function uplinkSteps({ name, alias, make, follow }: Uplink): NetlinkStep[] {
  const mark: NetlinkStep[] =
    make.length === 0 ? [] : [{ kind: "alias", link: name, alias, reason: "the link can be recognised" }];
  return [
    ...make,
    ...mark,
    { kind: "find", link: name, reason: "its index, for the messages below" },
    ...follow,
  ];
}

/** Everything that making the network will do, with the reason for it; `mtu` where it is known. */
export function describeNetwork(network: Network, mtu: number | undefined = network.mtu): PlannedAction[] {
  const { hostWide, bridge, address, uplink, own } = planNetwork(network, mtu);
  return [
    ...hostWide.map(describeSysctl),
    ...[...bridge, ...address, ...(uplink === undefined ? [] : uplinkSteps(uplink))].map(describeStep),
    ...own.map(describeSysctl),
    ...describeChains(desiredChains(network.owner, [network])),
    ...describeChains(desiredChains(network.owner, [network], [], 6), 6),
  ];
}

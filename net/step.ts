import type { PlannedAction } from "../src/core/explain.ts";
import { newAddress } from "./netlink/address.ts";
import { getLink, newBridge, newVeth, setLink } from "./netlink/link.ts";
import type { NetlinkRequest } from "./netlink/message.ts";
import { newRoute } from "./netlink/route.ts";

/**
 * One netlink message of a plan. Links are called by name, so that a plan can be printed before any of them exists;
 * {@link requestOf} turns the same step into the message.
 */
export type NetlinkStep = { readonly reason: string } & (
  | {
      readonly kind: "new-bridge";
      readonly name: string;
      readonly mac: string;
      readonly mtu: number | undefined;
    }
  | {
      readonly kind: "new-veth";
      readonly name: string;
      readonly bridge: string;
      readonly mtu: number;
      readonly peer: { readonly name: string; readonly mac: string };
    }
  | { readonly kind: "alias"; readonly link: string; readonly alias: string; readonly isolated?: boolean }
  | { readonly kind: "up"; readonly link: string }
  | { readonly kind: "find"; readonly link: string }
  | {
      readonly kind: "new-address";
      readonly link: string;
      readonly address: string;
      readonly prefixLength: number;
    }
  | { readonly kind: "default-route"; readonly gateway: string }
);

/** What a step needs to know of the kernel when it is performed. */
export interface Known {
  /** Indexes of links by name; lo is always 1. */
  readonly indexes: ReadonlyMap<string, number>;
  /** Open file of the network namespace that a new link's peer is born in. */
  readonly netns?: number | undefined;
}

function indexOf(link: string, { indexes }: Known): number {
  const index = link === "lo" ? 1 : indexes.get(link);
  if (index === undefined) throw new Error(`link ${link} was not looked up`);
  return index;
}

/** The message of a step. */
export function requestOf(step: NetlinkStep, known: Known): NetlinkRequest {
  switch (step.kind) {
    case "new-bridge":
      return newBridge(step.name, { mac: step.mac, mtu: step.mtu });
    case "new-veth": {
      const host = { master: indexOf(step.bridge, known), mtu: step.mtu, up: true };
      return newVeth(step.name, host, { ...step.peer, mtu: step.mtu, netns: known.netns });
    }
    case "alias":
      return setLink(step.link, { alias: step.alias, isolated: step.isolated });
    case "up":
      return setLink(indexOf(step.link, known), { up: true });
    case "find":
      return getLink(step.link);
    case "new-address": {
      const { address, prefixLength } = step;
      return newAddress({ link: indexOf(step.link, known), address, prefixLength });
    }
    case "default-route":
      return newRoute({ gateway: step.gateway });
  }
}

function textOf(step: NetlinkStep): string {
  switch (step.kind) {
    case "new-bridge": {
      const mtu = step.mtu ?? "that of the default route's interface";
      return `RTM_NEWLINK CREATE|EXCL bridge ${step.name} address ${step.mac} mtu ${mtu}`;
    }
    case "new-veth": {
      const peer = `peer { ${step.peer.name} address ${step.peer.mac} mtu ${step.mtu} netns container }`;
      return `RTM_NEWLINK CREATE|EXCL veth ${step.name} master ${step.bridge} mtu ${step.mtu} up ${peer}`;
    }
    case "alias":
      return `RTM_NEWLINK ${step.link} ifalias ${step.alias}${step.isolated ? " isolated on" : ""}`;
    case "up":
      return `RTM_NEWLINK ${step.link} up`;
    case "find":
      return `RTM_GETLINK ${step.link}`;
    case "new-address":
      return `RTM_NEWADDR CREATE|EXCL ${step.address}/${step.prefixLength} dev ${step.link}`;
    case "default-route":
      return `RTM_NEWROUTE CREATE|EXCL default via ${step.gateway}`;
  }
}

/** A step for people. */
export function describeStep(step: NetlinkStep): PlannedAction {
  return { kind: "netlink", text: textOf(step), reason: step.reason, by: "parent" };
}

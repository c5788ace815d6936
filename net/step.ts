import type { PlannedAction } from "../src/core/explain.ts";
import { newAddress } from "./netlink/address.ts";
import { newFlood } from "./netlink/flood.ts";
import type { Family } from "./netlink/ip.ts";
import { getLink, newBridge, newVeth, setLink } from "./netlink/link.ts";
import { newIpvlan, newMacvlan, newVlan, newVxlan } from "./netlink/link-kinds.ts";
import type { NetlinkRequest } from "./netlink/message.ts";
import { newRoute, replaceRoute } from "./netlink/route.ts";

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
      /** Absent: the end that stays is down, and on no bridge. */
      readonly bridge?: string;
      readonly mtu: number;
      readonly peer: { readonly name: string; readonly mac: string };
    }
  | {
      readonly kind: "new-vlan";
      readonly name: string;
      readonly parent: string;
      readonly vlan: number;
    }
  | {
      readonly kind: "new-vxlan";
      readonly name: string;
      readonly vni: number;
      readonly remote: string;
      readonly local: string | undefined;
      readonly dev: string | undefined;
      readonly port: number;
      readonly mtu: number | undefined;
    }
  | {
      readonly kind: "new-macvlan";
      readonly name: string;
      readonly parent: string;
      readonly mode: string;
      readonly mac: string | undefined;
      readonly mtu: number;
    }
  | {
      readonly kind: "new-ipvlan";
      readonly name: string;
      readonly parent: string;
      readonly mode: string;
      readonly mtu: number;
    }
  | { readonly kind: "alias"; readonly link: string; readonly alias: string; readonly isolated?: boolean }
  | {
      readonly kind: "move";
      readonly link: string;
      /** What it is called there. */
      readonly name: string;
      readonly mac?: string | undefined;
      readonly alias: string;
      readonly to: "container" | "host";
    }
  | { readonly kind: "hairpin"; readonly link: string }
  | { readonly kind: "enslave"; readonly link: string; readonly bridge: string }
  /** `dev`: by this link, as the route may lead elsewhere. */
  | {
      readonly kind: "flood";
      readonly link: string;
      readonly remote: string;
      readonly dev?: string | undefined;
    }
  | { readonly kind: "up"; readonly link: string }
  | {
      readonly kind: "set";
      readonly link: string;
      readonly mtu?: number | undefined;
      readonly mac?: string | undefined;
    }
  | {
      /** The way to the subnet of one of the link's own addresses, as the kernel makes it with the address. */
      readonly kind: "connected-route";
      readonly link: string;
      readonly address: string;
      readonly subnet: string;
    }
  | { readonly kind: "find"; readonly link: string }
  | {
      readonly kind: "new-address";
      readonly link: string;
      readonly address: string;
      readonly prefixLength: number;
    }
  | DefaultRoute
);

interface DefaultRoute {
  readonly kind: "default-route";
  /** Absent: whatever the link leads to is reached directly. */
  readonly gateway?: string | undefined;
  readonly family?: Family | undefined;
  readonly link?: string | undefined;
  /** Instead of the one there is. */
  readonly replace?: boolean;
}

/** What a step needs to know of the kernel when it is performed. */
export interface Known {
  /** Indexes of links by name; lo is always 1. */
  readonly indexes: ReadonlyMap<string, number>;
  /** Open file of the network namespace that a new link, or its peer, is born in, or a link is moved to. */
  readonly netns?: number | undefined;
}

function indexOf(link: string, { indexes }: Known): number {
  const index = link === "lo" ? 1 : indexes.get(link);
  if (index === undefined) throw new Error(`link ${link} was not looked up`);
  return index;
}

function routeOf(step: DefaultRoute, known: Known): NetlinkRequest {
  const { gateway, family, link, replace } = step;
  const route = { gateway, family, link: link === undefined ? undefined : indexOf(link, known) };
  return replace === true ? replaceRoute(route) : newRoute(route);
}

/** The metric that the kernel gives IPv6 routes of links (IP6_RT_PRIO_ADDRCONF). */
const addressMetric6 = 256;

function connectedRoute(subnet: string, source: string, link: number): NetlinkRequest {
  const [address = "", length] = subnet.split("/");
  const destination = { address, prefixLength: Number(length) };
  // IPv6 chooses the source by itself.
  const more = address.includes(":") ? { metric: addressMetric6 } : { source };
  return newRoute({ destination, link, connected: true, ...more });
}

/** The message of a step. */
export function requestOf(step: NetlinkStep, known: Known): NetlinkRequest {
  switch (step.kind) {
    case "new-bridge":
      return newBridge(step.name, { mac: step.mac, mtu: step.mtu });
    case "new-veth": {
      const { bridge, mtu } = step;
      const host = bridge === undefined ? { mtu } : { master: indexOf(bridge, known), mtu, up: true };
      return newVeth(step.name, host, { ...step.peer, mtu, netns: known.netns });
    }
    case "new-vlan":
      return newVlan(step.name, indexOf(step.parent, known), step.vlan);
    case "new-vxlan": {
      const { name, vni, remote, local, dev, port, mtu } = step;
      return newVxlan(name, {
        ...{ vni, remote, local, port, mtu },
        dev: dev === undefined ? undefined : indexOf(dev, known),
      });
    }
    case "new-macvlan":
    case "new-ipvlan": {
      const { name, mode, mtu } = step;
      const shared = { parent: indexOf(step.parent, known), mode, mtu, netns: known.netns };
      return step.kind === "new-ipvlan"
        ? newIpvlan(name, shared)
        : newMacvlan(name, { ...shared, mac: step.mac });
    }
    case "alias":
      return setLink(step.link, { alias: step.alias, isolated: step.isolated });
    case "move": {
      const { name, mac, alias } = step;
      return setLink(indexOf(step.link, known), { name, mac, alias, netns: known.netns });
    }
    case "hairpin":
      return setLink(step.link, { hairpin: true });
    case "enslave":
      return setLink(indexOf(step.link, known), { master: indexOf(step.bridge, known) });
    case "flood":
      return newFlood(
        indexOf(step.link, known),
        step.remote,
        step.dev === undefined ? undefined : indexOf(step.dev, known),
      );
    case "up":
      return setLink(indexOf(step.link, known), { up: true });
    case "set":
      return setLink(indexOf(step.link, known), { mtu: step.mtu, mac: step.mac });
    case "connected-route":
      return connectedRoute(step.subnet, step.address, indexOf(step.link, known));
    case "find":
      return getLink(step.link);
    case "new-address": {
      const { address, prefixLength } = step;
      return newAddress({ link: indexOf(step.link, known), address, prefixLength });
    }
    case "default-route":
      return routeOf(step, known);
    default:
      return step satisfies never;
  }
}

function textOf(step: NetlinkStep): string {
  const word = (name: string, value: string | number | undefined): string =>
    value === undefined ? "" : ` ${name} ${value}`;
  switch (step.kind) {
    case "new-bridge": {
      const mtu = step.mtu ?? "that of the default route's interface";
      return `RTM_NEWLINK CREATE|EXCL bridge ${step.name} address ${step.mac} mtu ${mtu}`;
    }
    case "new-veth": {
      const peer = `peer { ${step.peer.name} address ${step.peer.mac} mtu ${step.mtu} netns container }`;
      const up = step.bridge === undefined ? "" : " up";
      return `RTM_NEWLINK CREATE|EXCL veth ${step.name}${word("master", step.bridge)} mtu ${step.mtu}${up} ${peer}`;
    }
    case "new-vlan":
      return `RTM_NEWLINK CREATE|EXCL vlan ${step.name} link ${step.parent} id ${step.vlan}`;
    case "new-vxlan": {
      const { name, vni, port, remote, dev, local, mtu } = step;
      const more = `${word("local", local)}${word("dev", dev)}${word("mtu", mtu)}`;
      return `RTM_NEWLINK CREATE|EXCL vxlan ${name} id ${vni} dstport ${port} remote ${remote}${more}`;
    }
    case "new-macvlan":
    case "new-ipvlan": {
      const { kind, name, parent, mode, mtu } = step;
      const mac = step.kind === "new-macvlan" ? step.mac : undefined;
      const what = `${kind.slice(4)} ${name} link ${parent} mode ${mode}`;
      return `RTM_NEWLINK CREATE|EXCL ${what}${word("address", mac)} mtu ${mtu} netns container`;
    }
    case "alias":
      return `RTM_NEWLINK ${step.link} ifalias ${step.alias}${step.isolated ? " isolated on" : ""}`;
    case "move": {
      const { link, name, mac, alias, to } = step;
      return `RTM_NEWLINK ${link} netns ${to} name ${name}${word("address", mac)} ifalias ${alias}`;
    }
    case "hairpin":
      return `RTM_NEWLINK ${step.link} hairpin on`;
    case "enslave":
      return `RTM_NEWLINK ${step.link} master ${step.bridge}`;
    case "flood":
      return `RTM_NEWNEIGH 00:00:00:00:00:00 dev ${step.link} dst ${step.remote}${word("via", step.dev)}`;
    case "up":
      return `RTM_NEWLINK ${step.link} up`;
    case "set":
      return `RTM_NEWLINK ${step.link}${word("mtu", step.mtu)}${word("address", step.mac)}`;
    case "connected-route":
      return `RTM_NEWROUTE CREATE|EXCL ${step.subnet} dev ${step.link} proto kernel`;
    case "find":
      return `RTM_GETLINK ${step.link}`;
    case "new-address":
      return `RTM_NEWADDR CREATE|EXCL ${step.address}/${step.prefixLength} dev ${step.link}`;
    case "default-route": {
      const flags = step.replace === true ? "CREATE|REPLACE" : "CREATE|EXCL";
      return `RTM_NEWROUTE ${flags} default${word("via", step.gateway)}${word("dev", step.link)}`;
    }
    default:
      return step satisfies never;
  }
}

/** A step for people. */
export function describeStep(step: NetlinkStep): PlannedAction {
  return { kind: "netlink", text: textOf(step), reason: step.reason, by: "parent" };
}

import { Attributes, bytes, joined, nested, text, u8, u32 } from "./attribute.ts";
import { formatMac, macBytes } from "./mac.ts";
import {
  type NetlinkMessage,
  type NetlinkRequest,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  structView,
} from "./message.ts";

const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const AF_UNSPEC = 0;

/** IFLA_* of include/uapi/linux/if_link.h. */
const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINK = 5;
const IFLA_MASTER = 10;
const IFLA_OPERSTATE = 16;
const IFLA_LINKINFO = 18;
const IFLA_IFALIAS = 20;
const IFLA_NET_NS_FD = 28;
const IFLA_EXT_MASK = 29;
const IFLA_NUM_TX_QUEUES = 31;
const IFLA_NUM_RX_QUEUES = 32;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_INFO_SLAVE_KIND = 4;
const IFLA_INFO_SLAVE_DATA = 5;
const IFLA_BRPORT_MODE = 4;
const IFLA_BRPORT_ISOLATED = 33;
const VETH_INFO_PEER = 1;
/** Leave the 60 interface counters out of an answer. */
const RTEXT_FILTER_SKIP_STATS = 8;

const IFF_UP = 0x1;
const IFF_LOWER_UP = 0x10000;

/** struct ifinfomsg: family u8@0 · pad u8@1 · type u16@2 · index i32@4 · flags u32@8 · change u32@12. */
const IFINFOMSG_SIZE = 16;

/** A link by its name, or by its index where that is known. */
export type LinkReference = string | number;

/** What can be set on a link, at birth or later. */
export interface LinkSettings {
  readonly mac?: string | undefined;
  readonly mtu?: number | undefined;
  /** What it shall be called: for {@link setLink}. */
  readonly name?: string | undefined;
  /** Index of the link that it stands on. */
  readonly link?: number | undefined;
  /** Open file of the network namespace that it is born in, or goes to. */
  readonly netns?: number | undefined;
  /** Index of the bridge to enslave it to. */
  readonly master?: number | undefined;
  readonly up?: boolean | undefined;
  /** Kernels ignore an alias at birth: set it by {@link setLink}. */
  readonly alias?: string | undefined;
  /** Bridge port that may not talk to other isolated ports of the bridge. */
  readonly isolated?: boolean | undefined;
  /** Bridge port that what came from it may leave by again. */
  readonly hairpin?: boolean | undefined;
}

/** The other end of a veth pair; with `netns` (an open file) it is born inside that network namespace. */
export interface VethPeer {
  readonly name: string;
  readonly mac?: string | undefined;
  readonly mtu?: number | undefined;
  readonly netns?: number | undefined;
}

function ifinfomsg(index: number, up: boolean | undefined): Uint8Array {
  const struct = new Uint8Array(IFINFOMSG_SIZE);
  const view = new DataView(struct.buffer);
  view.setInt32(4, index, true);
  if (up !== undefined) {
    view.setUint32(8, up ? IFF_UP : 0, true);
    view.setUint32(12, IFF_UP, true);
  }
  return struct;
}

function settingAttributes(settings: LinkSettings): Uint8Array[] {
  const parts: Uint8Array[] = [];
  if (settings.name !== undefined) parts.push(text(IFLA_IFNAME, settings.name));
  if (settings.link !== undefined) parts.push(u32(IFLA_LINK, settings.link));
  if (settings.netns !== undefined) parts.push(u32(IFLA_NET_NS_FD, settings.netns));
  if (settings.mtu !== undefined) parts.push(u32(IFLA_MTU, settings.mtu));
  if (settings.mac !== undefined) parts.push(bytes(IFLA_ADDRESS, macBytes(settings.mac)));
  if (settings.master !== undefined) parts.push(u32(IFLA_MASTER, settings.master));
  if (settings.alias !== undefined) parts.push(text(IFLA_IFALIAS, settings.alias));
  const { isolated, hairpin } = settings;
  if (isolated !== undefined || hairpin !== undefined) {
    const data = nested(
      IFLA_INFO_SLAVE_DATA,
      ...(hairpin === undefined ? [] : [u8(IFLA_BRPORT_MODE, hairpin ? 1 : 0)]),
      ...(isolated === undefined ? [] : [u8(IFLA_BRPORT_ISOLATED, isolated ? 1 : 0)]),
    );
    parts.push(nested(IFLA_LINKINFO, text(IFLA_INFO_SLAVE_KIND, "bridge"), data));
  }
  return parts;
}

/** Makes a link of the kind that `linkInfo` (IFLA_LINKINFO) says. EEXIST when the name is taken. */
export function newLink(name: string, settings: LinkSettings, linkInfo: Uint8Array): NetlinkRequest {
  return {
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    payload: joined([
      ifinfomsg(0, settings.up),
      text(IFLA_IFNAME, name),
      ...settingAttributes(settings),
      linkInfo,
    ]),
    what: `RTM_NEWLINK ${name}`,
    change: true,
  };
}

/** Makes a bridge. EEXIST when the name is taken. */
export function newBridge(name: string, settings: LinkSettings): NetlinkRequest {
  return newLink(name, settings, nested(IFLA_LINKINFO, text(IFLA_INFO_KIND, "bridge")));
}

/** Makes a veth pair with both ends where they belong, each with one queue: a container's link needs no more. */
export function newVeth(name: string, settings: LinkSettings, peer: VethPeer): NetlinkRequest {
  const oneQueue = [u32(IFLA_NUM_TX_QUEUES, 1), u32(IFLA_NUM_RX_QUEUES, 1)];
  const peerInfo = nested(
    VETH_INFO_PEER,
    // VETH_INFO_PEER begins with a struct ifinfomsg of its own; the peer is set up later, after it has its address.
    ifinfomsg(0, undefined),
    text(IFLA_IFNAME, peer.name),
    ...settingAttributes({ mac: peer.mac, mtu: peer.mtu }),
    ...oneQueue,
    ...(peer.netns === undefined ? [] : [u32(IFLA_NET_NS_FD, peer.netns)]),
  );
  const info = nested(IFLA_LINKINFO, text(IFLA_INFO_KIND, "veth"), nested(IFLA_INFO_DATA, peerInfo));
  return newLink(name, settings, joined([...oneQueue, info]));
}

/**
 * Asks for a link of a kind without any of what every such kind needs. EOPNOTSUPP when the kernel does not know the kind;
 * another errno when it does: it is never made.
 */
export function probeKind(kind: string): NetlinkRequest {
  return {
    ...newLink("mdprobe", {}, nested(IFLA_LINKINFO, text(IFLA_INFO_KIND, kind))),
    what: `RTM_NEWLINK ${kind}`,
  };
}

function target(link: LinkReference): { index: number; name: Uint8Array[] } {
  return typeof link === "number" ? { index: link, name: [] } : { index: 0, name: [text(IFLA_IFNAME, link)] };
}

/** Changes a link that is there (RTM_NEWLINK without NLM_F_CREATE: unlike RTM_SETLINK it takes port settings too). */
export function setLink(link: LinkReference, settings: LinkSettings): NetlinkRequest {
  const { index, name } = target(link);
  return {
    type: RTM_NEWLINK,
    flags: 0,
    payload: joined([ifinfomsg(index, settings.up), ...name, ...settingAttributes(settings)]),
    what: `RTM_NEWLINK ${link}`,
    change: true,
  };
}

/** Deletes a link (and with a veth its peer). ENODEV when there is none. */
export function deleteLink(link: LinkReference): NetlinkRequest {
  const { index, name } = target(link);
  const payload = joined([ifinfomsg(index, undefined), ...name]);
  return { type: RTM_DELLINK, flags: 0, payload, what: `RTM_DELLINK ${link}`, change: true };
}

/** The multicast group of what happens to links: RTMGRP_LINK of include/uapi/linux/rtnetlink.h. */
export const linkGroup = 1;

/** The index of the link that a multicast message says is gone; undefined for all other messages. */
export function goneLink({ type, payload }: NetlinkMessage): number | undefined {
  // A bridge tells of ports that leave it in the same way, with its own family: the link goes on without it.
  if (type !== RTM_DELLINK || payload[0] !== AF_UNSPEC) return undefined;
  return structView(payload, IFINFOMSG_SIZE, "struct ifinfomsg").getInt32(4, true);
}

/** Asks for one link. */
export function getLink(link: LinkReference): NetlinkRequest {
  const { index, name } = target(link);
  const payload = joined([ifinfomsg(index, undefined), ...name, u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)]);
  return { type: RTM_GETLINK, flags: 0, payload, what: `RTM_GETLINK ${link}`, change: false };
}

/** Asks for all links. */
export function dumpLinks(): NetlinkRequest {
  const payload = joined([ifinfomsg(0, undefined), u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)]);
  return { type: RTM_GETLINK, flags: NLM_F_DUMP, payload, what: "RTM_GETLINK", change: false };
}

/** A link as the kernel tells it. */
export interface Link {
  readonly index: number;
  readonly name: string;
  readonly up: boolean;
  /** Up and with carrier. */
  readonly running: boolean;
  readonly mtu: number;
  readonly alias?: string | undefined;
  readonly mac?: string | undefined;
  /** `bridge`, `veth`...; undefined for hardware and loopback. */
  readonly kind?: string | undefined;
  /** Index of the bridge that it is a port of. */
  readonly master?: number | undefined;
  /** For a veth: index of its peer, in the peer's network namespace. */
  readonly peer?: number | undefined;
  /** RFC 2863: 6 is up, 2 down, 7 lower layer down. */
  readonly operstate?: number | undefined;
  /** Of a bridge port: may not talk to other isolated ones. */
  readonly isolated?: boolean | undefined;
  /** Of a bridge port: what came in by it may go out by it again. */
  readonly hairpin?: boolean | undefined;
}

/** Reads the payload of an RTM_NEWLINK. @throws NetlinkFormatError for anything else. */
export function parseLink(payload: Uint8Array): Link {
  const view = structView(payload, IFINFOMSG_SIZE, "struct ifinfomsg");
  const attributes = new Attributes(payload.subarray(IFINFOMSG_SIZE), "RTM_NEWLINK");
  const flags = view.getUint32(8, true);
  const mac = attributes.bytes(IFLA_ADDRESS);
  const info = attributes.nested(IFLA_LINKINFO, "IFLA_LINKINFO");
  // Of a port of a bridge only: other masters have other attributes of those numbers.
  const port =
    info?.text(IFLA_INFO_SLAVE_KIND) === "bridge"
      ? info.nested(IFLA_INFO_SLAVE_DATA, "IFLA_INFO_SLAVE_DATA")
      : undefined;
  const [isolated, hairpin] = [port?.u8(IFLA_BRPORT_ISOLATED), port?.u8(IFLA_BRPORT_MODE)];
  return {
    index: view.getInt32(4, true),
    name: attributes.text(IFLA_IFNAME) ?? "",
    up: (flags & IFF_UP) !== 0,
    running: (flags & IFF_LOWER_UP) !== 0,
    mtu: attributes.u32(IFLA_MTU) ?? 0,
    alias: attributes.text(IFLA_IFALIAS),
    mac: mac === undefined ? undefined : formatMac(mac),
    kind: info?.text(IFLA_INFO_KIND),
    master: attributes.u32(IFLA_MASTER),
    peer: attributes.u32(IFLA_LINK),
    operstate: attributes.u8(IFLA_OPERSTATE),
    isolated: isolated === undefined ? undefined : isolated === 1,
    hairpin: hairpin === undefined ? undefined : hairpin === 1,
  };
}

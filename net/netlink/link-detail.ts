import { Attributes, joined } from "./attribute.ts";
import { type Link, parseLink } from "./link.ts";
import { IFLA_IPVLAN_MODE, IFLA_MACVLAN_MODE, ipvlanModes, macvlanModes } from "./link-kinds.ts";
import { type NetlinkRequest, NLM_F_DUMP, structView } from "./message.ts";

const RTM_GETLINK = 18;

/** IFLA_* of include/uapi/linux/if_link.h. */
const IFLA_LINKINFO = 18;
const IFLA_INFO_DATA = 2;
const IFLA_STATS64 = 23;
const IFLA_LINK_NETNSID = 37;
const IFLA_INFO_SLAVE_DATA = 5;
const IFLA_BRPORT_STATE = 1;
const IFLA_BRPORT_MODE = 4;
const IFLA_BRPORT_ISOLATED = 33;

const IFINFOMSG_SIZE = 16;
/** struct rtnl_link_stats64, as far as it is read: eight counters of 64 bits. */
const STATS_SIZE = 64;

/** What a link has counted since it was made. */
interface LinkCounters {
  readonly rxPackets: number;
  readonly txPackets: number;
  readonly rxBytes: number;
  readonly txBytes: number;
  readonly rxErrors: number;
  readonly txErrors: number;
  readonly rxDropped: number;
  readonly txDropped: number;
}

/** How a bridge treats one of its ports. */
interface BridgePort {
  /** IEEE 802.1D: disabled, listening, learning, forwarding, blocking. */
  readonly state: string;
  /** May not talk to other isolated ports. */
  readonly isolated: boolean;
  /** Sends packets back where they came from. */
  readonly hairpin: boolean;
}

/** A link with all that explaining a path needs to know of it. */
export interface LinkDetail extends Link {
  readonly counters: LinkCounters;
  /** Where the link is a port of a bridge. */
  readonly port?: BridgePort | undefined;
  /** `peer` counts in another network namespace. */
  readonly peerElsewhere: boolean;
  /** Of a macvlan or ipvlan: bridge, private... or l2, l3... */
  readonly mode?: string | undefined;
}

const portStates = ["disabled", "listening", "learning", "forwarding", "blocking"];

/** Asks for all links with their counters. */
export function dumpLinkDetails(): NetlinkRequest {
  const payload = joined([new Uint8Array(IFINFOMSG_SIZE)]);
  return { type: RTM_GETLINK, flags: NLM_F_DUMP, payload, what: "RTM_GETLINK", change: false };
}

function countersOf(value: Uint8Array | undefined): LinkCounters {
  const view = value === undefined ? undefined : structView(value, STATS_SIZE, "struct rtnl_link_stats64");
  const at = (offset: number): number => Number(view?.getBigUint64(offset, true) ?? 0n);
  return {
    rxPackets: at(0),
    txPackets: at(8),
    rxBytes: at(16),
    txBytes: at(24),
    rxErrors: at(32),
    txErrors: at(40),
    rxDropped: at(48),
    txDropped: at(56),
  };
}

function portOf(attributes: Attributes): BridgePort | undefined {
  const data = attributes
    .nested(IFLA_LINKINFO, "IFLA_LINKINFO")
    ?.nested(IFLA_INFO_SLAVE_DATA, "IFLA_INFO_SLAVE_DATA");
  const state = data?.u8(IFLA_BRPORT_STATE);
  if (data === undefined || state === undefined) return undefined;
  return {
    state: portStates[state] ?? `state ${state}`,
    isolated: data.u8(IFLA_BRPORT_ISOLATED) === 1,
    hairpin: data.u8(IFLA_BRPORT_MODE) === 1,
  };
}

function modeOf(attributes: Attributes, kind: string | undefined): string | undefined {
  const shared = kind === "macvlan" || kind === "ipvlan";
  const data = shared
    ? attributes.nested(IFLA_LINKINFO, "IFLA_LINKINFO")?.nested(IFLA_INFO_DATA, "IFLA_INFO_DATA")
    : undefined;
  if (data === undefined) return undefined;
  const [modes, number] =
    kind === "macvlan"
      ? [macvlanModes, data.u32(IFLA_MACVLAN_MODE)]
      : [ipvlanModes, data.u16(IFLA_IPVLAN_MODE)];
  return Object.keys(modes).find((name) => modes[name] === number);
}

/** Reads the payload of an RTM_NEWLINK. @throws NetlinkFormatError for anything else. */
export function parseLinkDetail(payload: Uint8Array): LinkDetail {
  const link = parseLink(payload);
  const attributes = new Attributes(payload.subarray(IFINFOMSG_SIZE), "RTM_NEWLINK");
  return {
    ...link,
    counters: countersOf(attributes.bytes(IFLA_STATS64)),
    port: portOf(attributes),
    peerElsewhere: attributes.bytes(IFLA_LINK_NETNSID) !== undefined,
    mode: modeOf(attributes, link.kind),
  };
}

import { Attributes, bytes, joined, u32 } from "./attribute.ts";
import { NetlinkFormatError } from "./format-error.ts";
import { AF_INET, type Family, familyOf, ipAttribute, ipBytes, readFamily } from "./ip.ts";
import {
  type NetlinkRequest,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  structView,
} from "./message.ts";

const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const RTM_GETROUTE = 26;

/** RTA_*, RT_TABLE_*, RTPROT_*, RT_SCOPE_*, RTN_* of include/uapi/linux/rtnetlink.h. */
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
const RTA_PREFSRC = 7;
const RTA_TABLE = 15;
export const RT_TABLE_MAIN = 254;
const RTPROT_KERNEL = 2;
const RTPROT_STATIC = 4;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
export const RTN_UNICAST = 1;

/** struct rtmsg: family · dst_len · src_len · tos · table · protocol · scope · type, u8 each @0 to @7 · flags u32@8. */
const RTMSG_SIZE = 12;

/** A route of the main table. */
export interface RouteRequest {
  /** Of a default route without a gateway; else that of its addresses. */
  readonly family?: Family | undefined;
  /** Destination network; absent: default. */
  readonly destination?: { readonly address: string; readonly prefixLength: number } | undefined;
  readonly gateway?: string | undefined;
  /** Index of the outgoing link; found from the gateway if absent. */
  readonly link?: number | undefined;
  readonly metric?: number | undefined;
  /** Source address of what leaves by it. */
  readonly source?: string | undefined;
  /** As the kernel itself makes it for an address of a link. */
  readonly connected?: boolean | undefined;
}

function change(type: number, name: string, flags: number, route: RouteRequest): NetlinkRequest {
  const { destination, gateway, link, metric, source, connected } = route;
  const length = destination?.prefixLength ?? 0;
  const address = destination?.address ?? gateway;
  const family = address === undefined ? (route.family ?? AF_INET) : familyOf(address);
  // IPv6 knows no other scope; the kernel's own routes to its links have none there.
  const near = gateway === undefined && !(connected === true && family !== AF_INET);
  const scope = near ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  const protocol = connected === true ? RTPROT_KERNEL : RTPROT_STATIC;
  const parts = [
    Uint8Array.of(family, length, 0, 0, RT_TABLE_MAIN, protocol, scope, RTN_UNICAST, 0, 0, 0, 0),
    ...(destination === undefined ? [] : [bytes(RTA_DST, ipBytes(destination.address))]),
    ...(gateway === undefined ? [] : [bytes(RTA_GATEWAY, ipBytes(gateway))]),
    ...(link === undefined ? [] : [u32(RTA_OIF, link)]),
    ...(metric === undefined ? [] : [u32(RTA_PRIORITY, metric)]),
    ...(source === undefined ? [] : [bytes(RTA_PREFSRC, ipBytes(source))]),
  ];
  const what = destination === undefined ? "default" : `${destination.address}/${length}`;
  return { type, flags, payload: joined(parts), what: `${name} ${what}`, change: true };
}

/** Adds a route. EEXIST when there is one to that destination; ENETUNREACH when the gateway cannot be reached. */
export function newRoute(route: RouteRequest): NetlinkRequest {
  return change(RTM_NEWROUTE, "RTM_NEWROUTE", NLM_F_CREATE | NLM_F_EXCL, route);
}

/** Makes a route the one to its destination with that metric, whatever was there. */
export function replaceRoute(route: RouteRequest): NetlinkRequest {
  return change(RTM_NEWROUTE, "RTM_NEWROUTE", NLM_F_CREATE | NLM_F_REPLACE, route);
}

/** Removes a route. ESRCH when there is none such. */
export function deleteRoute(route: RouteRequest): NetlinkRequest {
  return change(RTM_DELROUTE, "RTM_DELROUTE", 0, route);
}

/** RTM_F_FIB_MATCH of include/uapi/linux/rtnetlink.h: the answer is the route itself, not the way of one packet. */
const RTM_F_FIB_MATCH = 0x2000;

/** Asks for the route that leads to an address. ENETUNREACH (IPv6: or an unreachable one) when there is none. */
export function matchRoute(destination: string): NetlinkRequest {
  const family = familyOf(destination);
  const struct = new Uint8Array(RTMSG_SIZE);
  struct.set([family, family === AF_INET ? 32 : 128]);
  new DataView(struct.buffer).setUint32(8, RTM_F_FIB_MATCH, true);
  const payload = joined([struct, bytes(RTA_DST, ipBytes(destination))]);
  return { type: RTM_GETROUTE, flags: 0, payload, what: `RTM_GETROUTE ${destination}`, change: false };
}

/** Asks for all routes of one family, of all tables. */
export function dumpRoutes(family: Family = AF_INET): NetlinkRequest {
  const payload = new Uint8Array(RTMSG_SIZE);
  payload[0] = family;
  return { type: RTM_GETROUTE, flags: NLM_F_DUMP, payload, what: "RTM_GETROUTE", change: false };
}

/** A route as the kernel tells it. */
export interface Route {
  readonly destination: string;
  readonly prefixLength: number;
  readonly table: number;
  /** RTN_*: 1 is unicast, 2 local, 3 broadcast. */
  readonly type: number;
  readonly gateway?: string | undefined;
  readonly link?: number | undefined;
  readonly metric: number;
  readonly source?: string | undefined;
}

/** Reads the payload of an RTM_NEWROUTE. @throws NetlinkFormatError for anything else. */
export function parseRoute(payload: Uint8Array): Route {
  const view = structView(payload, RTMSG_SIZE, "struct rtmsg");
  const family = readFamily(view.getUint8(0), "rtm_family");
  const most = family === AF_INET ? 32 : 128;
  const prefixLength = view.getUint8(1);
  if (prefixLength > most) throw new NetlinkFormatError("rtm_dst_len", `0 to ${most}`, String(prefixLength));
  const attributes = new Attributes(payload.subarray(RTMSG_SIZE), "RTM_NEWROUTE");
  return {
    destination:
      ipAttribute(attributes, RTA_DST, "RTA_DST", family) ?? (family === AF_INET ? "0.0.0.0" : "::"),
    prefixLength,
    table: attributes.u32(RTA_TABLE) ?? view.getUint8(4),
    type: view.getUint8(7),
    gateway: ipAttribute(attributes, RTA_GATEWAY, "RTA_GATEWAY", family),
    link: attributes.u32(RTA_OIF),
    metric: attributes.u32(RTA_PRIORITY) ?? 0,
    source: ipAttribute(attributes, RTA_PREFSRC, "RTA_PREFSRC", family),
  };
}

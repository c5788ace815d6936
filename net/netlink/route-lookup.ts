import { Attributes, bytes, joined, u32 } from "./attribute.ts";
import { AF_INET, type Family, familyOf, ipAttribute, ipBytes, readFamily } from "./ip.ts";
import { type NetlinkRequest, structView } from "./message.ts";

const RTM_GETROUTE = 26;

/** RTA_* and RTM_F_* of include/uapi/linux/rtnetlink.h. */
const RTA_DST = 1;
const RTA_SRC = 2;
const RTA_IIF = 3;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PREFSRC = 7;
const RTA_TABLE = 15;
const RTA_VIA = 18;
const RTM_F_LOOKUP_TABLE = 0x1000;

/** struct rtmsg: family · dst_len · src_len · tos · table · protocol · scope · type, u8 each @0 to @7 · flags u32@8. */
const RTMSG_SIZE = 12;

/** Which way is asked for. */
export interface RouteQuery {
  readonly destination: string;
  readonly source?: string | undefined;
  /** Index of the link that the packet came in by: the question of a router. */
  readonly incoming?: number | undefined;
}

/** The way that the kernel would take. */
export interface RouteAnswer {
  /** RTN_*: 1 unicast, 2 local, 3 broadcast, 5 multicast. */
  readonly type: number;
  readonly link?: number | undefined;
  readonly gateway?: string | undefined;
  /** The source address of a packet that begins here. */
  readonly source?: string | undefined;
  readonly table: number;
}

/** Asks for one way, by all policy rules. Refusals are errors: ENETUNREACH (no route), EHOSTUNREACH, EACCES, EINVAL. */
export function lookUpRoute({ destination, source, incoming }: RouteQuery): NetlinkRequest {
  const family = familyOf(destination);
  const bits = family === AF_INET ? 32 : 128;
  const struct = Uint8Array.of(family, bits, source === undefined ? 0 : bits, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  // The flag is IPv4's; IPv6 always tells the table.
  if (family === AF_INET) new DataView(struct.buffer).setUint32(8, RTM_F_LOOKUP_TABLE, true);
  const parts = [
    struct,
    bytes(RTA_DST, ipBytes(destination)),
    ...(source === undefined ? [] : [bytes(RTA_SRC, ipBytes(source))]),
    ...(incoming === undefined ? [] : [u32(RTA_IIF, incoming)]),
  ];
  const what = `RTM_GETROUTE ${destination}`;
  return { type: RTM_GETROUTE, flags: 0, payload: joined(parts), what, change: false };
}

/** RTA_VIA: a gateway of the other family: family u16@0 · address@2. */
function viaOf(attributes: Attributes): string | undefined {
  const value = attributes.bytes(RTA_VIA);
  if (value === undefined || value.length < 2) return undefined;
  const family: Family = readFamily(value[0] ?? 0, "RTA_VIA");
  const nested = new Attributes(bytes(RTA_GATEWAY, value.subarray(2)), "RTA_VIA");
  return ipAttribute(nested, RTA_GATEWAY, "RTA_VIA", family);
}

/** Reads the answer. @throws NetlinkFormatError for anything else. */
export function parseRouteAnswer(payload: Uint8Array): RouteAnswer {
  const view = structView(payload, RTMSG_SIZE, "struct rtmsg");
  const family = readFamily(view.getUint8(0), "rtm_family");
  const attributes = new Attributes(payload.subarray(RTMSG_SIZE), "RTM_NEWROUTE");
  return {
    type: view.getUint8(7),
    link: attributes.u32(RTA_OIF),
    gateway: ipAttribute(attributes, RTA_GATEWAY, "RTA_GATEWAY", family) ?? viaOf(attributes),
    source: ipAttribute(attributes, RTA_PREFSRC, "RTA_PREFSRC", family),
    table: attributes.u32(RTA_TABLE) ?? view.getUint8(4),
  };
}

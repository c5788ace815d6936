import { NetlinkSocket } from "../../src/sys/mnl.ts";
import { Attributes, bytes, joined, nested, u8, u32 } from "./attribute.ts";
import { NetlinkClient } from "./client.ts";
import { AF_INET, AF_INET6, type Family, familyOf, ipAttribute, ipBytes } from "./ip.ts";
import { type NetlinkRequest, NLM_F_DUMP, structView } from "./message.ts";

/** include/uapi/linux/netlink.h, netfilter/nfnetlink.h and nfnetlink_conntrack.h. */
const NETLINK_NETFILTER = 12;
const NFNL_SUBSYS_CTNETLINK = 1 << 8;
const IPCTNL_MSG_CT_GET = NFNL_SUBSYS_CTNETLINK | 1;
const IPCTNL_MSG_CT_DELETE = NFNL_SUBSYS_CTNETLINK | 2;
const CTA_TUPLE_ORIG = 1;
const CTA_TUPLE_REPLY = 2;
const CTA_ID = 12;
const CTA_FILTER = 25;
const CTA_FILTER_ORIG_FLAGS = 1;
const CTA_FILTER_REPLY_FLAGS = 2;
const CTA_TUPLE_IP = 1;
const CTA_TUPLE_PROTO = 2;
const CTA_IP_V4_SRC = 1;
const CTA_IP_V4_DST = 2;
const CTA_IP_V6_SRC = 3;
const CTA_IP_V6_DST = 4;
const CTA_PROTO_NUM = 1;
const CTA_PROTO_SRC_PORT = 2;
const CTA_PROTO_DST_PORT = 3;
/** net/netfilter/nf_internals.h: which parts of a tuple a dump is filtered by (Linux 5.8). */
const FILTER_PROTO_NUM = 1 << 3;
const FILTER_SRC_PORT = 1 << 4;
const FILTER_DST_PORT = 1 << 5;

/** struct nfgenmsg: family u8@0 · version u8@1 · resource be16@2. */
const NFGENMSG_SIZE = 4;

/** One direction of a tracked connection. */
interface Tuple {
  readonly source: string;
  readonly destination: string;
  /** By number: 6 is tcp, 17 udp, 132 sctp. */
  readonly protocol: number;
  /** Undefined where the protocol has none. */
  readonly sourcePort?: number | undefined;
  readonly destinationPort?: number | undefined;
}

/** A tracked connection: as it began, and as its answers look. They differ by what NAT has changed. */
export interface TrackedConnection {
  readonly original: Tuple;
  readonly reply: Tuple;
  /** The kernel's id of the entry, to delete no other. */
  readonly id?: Uint8Array | undefined;
}

function be16(type: number, value: number): Uint8Array {
  return bytes(type, Uint8Array.of(value >> 8, value & 255));
}

function header(family: Family): Uint8Array {
  return Uint8Array.of(family, 0, 0, 0);
}

/** What is looked for: one protocol, and at most one port in one direction. */
export interface ConnectionFilter {
  readonly family: Family;
  readonly protocol: number;
  /** Port that it was sent to as it began. */
  readonly originalDestinationPort?: number | undefined;
  /** Port that answers come from. */
  readonly replySourcePort?: number | undefined;
}

/** Asks for the tracked connections that match; the kernel sorts out. One older than 5.8 sends all: look again. */
export function dumpConnections(filter: ConnectionFilter): NetlinkRequest {
  const { family, protocol, originalDestinationPort, replySourcePort } = filter;
  const tuple = (type: number, ...ports: Uint8Array[]): Uint8Array =>
    nested(type, nested(CTA_TUPLE_PROTO, u8(CTA_PROTO_NUM, protocol), ...ports));
  const parts =
    replySourcePort === undefined
      ? [
          tuple(
            CTA_TUPLE_ORIG,
            ...(originalDestinationPort === undefined
              ? []
              : [be16(CTA_PROTO_DST_PORT, originalDestinationPort)]),
          ),
          nested(
            CTA_FILTER,
            u32(
              CTA_FILTER_ORIG_FLAGS,
              originalDestinationPort === undefined ? FILTER_PROTO_NUM : FILTER_PROTO_NUM | FILTER_DST_PORT,
            ),
          ),
        ]
      : [
          tuple(CTA_TUPLE_REPLY, be16(CTA_PROTO_SRC_PORT, replySourcePort)),
          nested(CTA_FILTER, u32(CTA_FILTER_REPLY_FLAGS, FILTER_PROTO_NUM | FILTER_SRC_PORT)),
        ];
  return {
    type: IPCTNL_MSG_CT_GET,
    flags: NLM_F_DUMP,
    payload: joined([header(family), ...parts]),
    what: "IPCTNL_MSG_CT_GET",
    change: false,
  };
}

function port(attributes: Attributes, type: number): number | undefined {
  const value = attributes.bytes(type);
  return value?.length === 2 ? ((value[0] ?? 0) << 8) | (value[1] ?? 0) : undefined;
}

function readTuple(tuple: Attributes | undefined, family: Family): Tuple | undefined {
  const ip = tuple?.nested(CTA_TUPLE_IP, "CTA_TUPLE_IP");
  const proto = tuple?.nested(CTA_TUPLE_PROTO, "CTA_TUPLE_PROTO");
  if (ip === undefined || proto === undefined) return undefined;
  const [from, to] = family === AF_INET ? [CTA_IP_V4_SRC, CTA_IP_V4_DST] : [CTA_IP_V6_SRC, CTA_IP_V6_DST];
  const source = ipAttribute(ip, from, "CTA_IP_SRC", family);
  const destination = ipAttribute(ip, to, "CTA_IP_DST", family);
  const protocol = proto.u8(CTA_PROTO_NUM);
  if (source === undefined || destination === undefined || protocol === undefined) return undefined;
  const sourcePort = port(proto, CTA_PROTO_SRC_PORT);
  const destinationPort = port(proto, CTA_PROTO_DST_PORT);
  return { source, destination, protocol, sourcePort, destinationPort };
}

/** Reads the payload of an answer; undefined for one of a protocol or family that is not understood. */
export function parseConnection(payload: Uint8Array): TrackedConnection | undefined {
  const family = structView(payload, NFGENMSG_SIZE, "struct nfgenmsg").getUint8(0);
  if (family !== AF_INET && family !== AF_INET6) return undefined;
  const attributes = new Attributes(payload.subarray(NFGENMSG_SIZE), "IPCTNL_MSG_CT_NEW");
  const original = readTuple(attributes.nested(CTA_TUPLE_ORIG, "CTA_TUPLE_ORIG"), family);
  const reply = readTuple(attributes.nested(CTA_TUPLE_REPLY, "CTA_TUPLE_REPLY"), family);
  if (original === undefined || reply === undefined) return undefined;
  return { original, reply, id: attributes.bytes(CTA_ID)?.slice() };
}

/** Forgets one tracked connection: its next packet is looked at anew. ENOENT when it is gone already. */
export function deleteConnection({ original, id }: TrackedConnection): NetlinkRequest {
  const { source, destination, protocol, sourcePort, destinationPort } = original;
  const family = familyOf(source);
  const [from, to] = family === AF_INET ? [CTA_IP_V4_SRC, CTA_IP_V4_DST] : [CTA_IP_V6_SRC, CTA_IP_V6_DST];
  const tuple = nested(
    CTA_TUPLE_ORIG,
    nested(CTA_TUPLE_IP, bytes(from, ipBytes(source)), bytes(to, ipBytes(destination))),
    nested(
      CTA_TUPLE_PROTO,
      u8(CTA_PROTO_NUM, protocol),
      be16(CTA_PROTO_SRC_PORT, sourcePort ?? 0),
      be16(CTA_PROTO_DST_PORT, destinationPort ?? 0),
    ),
  );
  return {
    type: IPCTNL_MSG_CT_DELETE,
    flags: 0,
    payload: joined([header(family), tuple, ...(id === undefined ? [] : [bytes(CTA_ID, id)])]),
    what: `IPCTNL_MSG_CT_DELETE ${source} ${destination}`,
    change: true,
  };
}

/** Runs `act` with a client of the connection tracking of this thread's network namespace, and closes its socket. */
export function withConntrack<T>(act: (client: NetlinkClient) => T): T {
  using socket = new NetlinkSocket(NETLINK_NETFILTER);
  return act(new NetlinkClient(socket));
}

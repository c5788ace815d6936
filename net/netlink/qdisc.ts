import { Attributes, bytes, joined, text } from "./attribute.ts";
import { type NetlinkRequest, NLM_F_CREATE, NLM_F_DUMP, NLM_F_REPLACE, structView } from "./message.ts";

const RTM_NEWQDISC = 36;
const RTM_DELQDISC = 37;
const RTM_GETQDISC = 38;

/** TCA_* of include/uapi/linux/rtnetlink.h, and of gen_stats.h within TCA_STATS2. */
const TCA_KIND = 1;
const TCA_OPTIONS = 2;
const TCA_STATS2 = 7;
const TCA_STATS_BASIC = 1;
const TCA_STATS_QUEUE = 3;

/** The parent of a link's outermost queueing discipline (TC_H_ROOT). */
export const rootParent = 0xffffffff;

/** struct tcmsg: family u8@0 · pad · ifindex i32@4 · handle u32@8 · parent u32@12 · info u32@16. */
const TCMSG_SIZE = 20;

/** A place in a link's tree of queueing disciplines. Handles are major << 16 | minor; a qdisc's own minor is 0. */
export interface QdiscPlace {
  /** Index of the link. */
  readonly link: number;
  readonly parent: number;
  readonly handle: number;
}

function tcmsg({ link, handle, parent }: QdiscPlace): Uint8Array {
  const struct = new Uint8Array(TCMSG_SIZE);
  const view = new DataView(struct.buffer);
  view.setInt32(4, link, true);
  view.setUint32(8, handle, true);
  view.setUint32(12, parent, true);
  return struct;
}

/** `6d01:`, as tc(8) shows handles; `root` for the parent of all. */
export function formatHandle(handle: number): string {
  if (handle === rootParent) return "root";
  const minor = handle & 0xffff;
  return `${(handle >>> 16).toString(16)}:${minor === 0 ? "" : minor.toString(16)}`;
}

/**
 * Puts a qdisc at its place. One of this very handle that is there is changed, and keeps its packets; any other is
 * replaced whole. ENOENT when the kernel does not know `kind`.
 */
export function replaceQdisc(place: QdiscPlace, kind: string, options: Uint8Array): NetlinkRequest {
  return {
    type: RTM_NEWQDISC,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    payload: joined([tcmsg(place), text(TCA_KIND, kind), bytes(TCA_OPTIONS, options)]),
    what: `RTM_NEWQDISC ${kind} ${formatHandle(place.handle)} on link ${place.link}`,
    change: true,
  };
}

/** Takes a qdisc away; the link gets its default one. ENOENT when there is none at that place. */
export function deleteQdisc(place: QdiscPlace): NetlinkRequest {
  const what = `RTM_DELQDISC ${formatHandle(place.handle)} on link ${place.link}`;
  return { type: RTM_DELQDISC, flags: 0, payload: tcmsg(place), what, change: true };
}

/** Asks for all qdiscs of all links of the namespace. */
export function dumpQdiscs(): NetlinkRequest {
  const payload = tcmsg({ link: 0, handle: 0, parent: 0 });
  return { type: RTM_GETQDISC, flags: NLM_F_DUMP, payload, what: "RTM_GETQDISC", change: false };
}

/** What a qdisc has counted since it was made. */
export interface QdiscCounters {
  readonly bytes: number;
  readonly packets: number;
  readonly dropped: number;
  /** Packets that wait in it now. */
  readonly waiting: number;
}

/** A qdisc as the kernel tells it. */
export interface Qdisc extends QdiscPlace {
  readonly kind: string;
  readonly options: Uint8Array;
  readonly counters: QdiscCounters;
}

/** struct gnet_stats_basic: bytes u64@0 · packets u32@8; struct gnet_stats_queue: qlen, backlog, drops... u32 each. */
function parseCounters(attributes: Attributes): QdiscCounters {
  const stats = attributes.nested(TCA_STATS2, "TCA_STATS2");
  const basic = stats?.bytes(TCA_STATS_BASIC);
  const queue = stats?.bytes(TCA_STATS_QUEUE);
  const counted = basic === undefined ? undefined : structView(basic, 12, "struct gnet_stats_basic");
  const queued = queue === undefined ? undefined : structView(queue, 12, "struct gnet_stats_queue");
  return {
    bytes: Number(counted?.getBigUint64(0, true) ?? 0n),
    packets: counted?.getUint32(8, true) ?? 0,
    dropped: queued?.getUint32(8, true) ?? 0,
    waiting: queued?.getUint32(0, true) ?? 0,
  };
}

/** Reads the payload of an RTM_NEWQDISC. @throws NetlinkFormatError for anything else. */
export function parseQdisc(payload: Uint8Array): Qdisc {
  const view = structView(payload, TCMSG_SIZE, "struct tcmsg");
  const attributes = new Attributes(payload.subarray(TCMSG_SIZE), "RTM_NEWQDISC");
  return {
    link: view.getInt32(4, true),
    handle: view.getUint32(8, true),
    parent: view.getUint32(12, true),
    kind: attributes.text(TCA_KIND) ?? "",
    options: attributes.bytes(TCA_OPTIONS) ?? new Uint8Array(0),
    counters: parseCounters(attributes),
  };
}

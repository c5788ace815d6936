import { Attributes } from "./attribute.ts";
import { AF_INET, AF_INET6, ipAttribute } from "./ip.ts";
import { formatMac } from "./mac.ts";
import { type NetlinkRequest, NLM_F_DUMP, structView } from "./message.ts";

const RTM_GETNEIGH = 30;
const AF_BRIDGE = 7;

/** NDA_* and NUD_* of include/uapi/linux/neighbour.h. */
const NDA_DST = 1;
const NDA_LLADDR = 2;
const NDA_MASTER = 9;
const NUD_NOARP = 0x40;
const NUD_PERMANENT = 0x80;

/** struct ndmsg: family u8@0 · pad · index i32@4 · state u16@8 · flags u8@10 · type u8@11. */
const NDMSG_SIZE = 12;

/** Which port of a bridge leads to a MAC address: an entry of its forwarding database. */
export interface FdbEntry {
  readonly mac: string;
  /** Index of the port. */
  readonly link: number;
  /** Index of the bridge; absent for an address list of the link's own. */
  readonly bridge?: number | undefined;
  /** Set by hand, never learned anew. */
  readonly fixed: boolean;
  /** The port's own address. */
  readonly local: boolean;
  /** Of a tunnel end: the host that frames to that MAC are sent to. */
  readonly destination?: string | undefined;
}

/** Asks for the forwarding databases of all bridges. */
export function dumpFdb(): NetlinkRequest {
  const payload = new Uint8Array(NDMSG_SIZE);
  payload[0] = AF_BRIDGE;
  return { type: RTM_GETNEIGH, flags: NLM_F_DUMP, payload, what: "RTM_GETNEIGH AF_BRIDGE", change: false };
}

/** Reads the payload of an RTM_NEWNEIGH of the bridge family. @throws NetlinkFormatError */
export function parseFdbEntry(payload: Uint8Array): FdbEntry {
  const view = structView(payload, NDMSG_SIZE, "struct ndmsg");
  const attributes = new Attributes(payload.subarray(NDMSG_SIZE), "RTM_NEWNEIGH");
  const state = view.getUint16(8, true);
  const family = attributes.bytes(NDA_DST)?.length === 16 ? AF_INET6 : AF_INET;
  return {
    mac: formatMac(attributes.bytes(NDA_LLADDR) ?? new Uint8Array(0)),
    link: view.getInt32(4, true),
    bridge: attributes.u32(NDA_MASTER),
    fixed: (state & NUD_NOARP) !== 0,
    local: (state & NUD_PERMANENT) !== 0,
    destination: ipAttribute(attributes, NDA_DST, "NDA_DST", family),
  };
}

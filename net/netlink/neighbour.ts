import { Attributes } from "./attribute.ts";
import { NetlinkFormatError } from "./format-error.ts";
import { AF_INET, type Family, ipAttribute, readFamily } from "./ip.ts";
import { formatMac } from "./mac.ts";
import { type NetlinkRequest, NLM_F_DUMP, structView } from "./message.ts";

const RTM_GETNEIGH = 30;

const NDA_DST = 1;
const NDA_LLADDR = 2;

/** NUD_* of include/uapi/linux/neighbour.h, as `ip neigh` names them. */
const states: Readonly<Record<number, string>> = {
  0: "none",
  1: "incomplete",
  2: "reachable",
  4: "stale",
  8: "delay",
  16: "probe",
  32: "failed",
  64: "noarp",
  128: "permanent",
};

/** struct ndmsg: family u8@0 · pad · index i32@4 · state u16@8 · flags u8@10 · type u8@11. */
const NDMSG_SIZE = 12;

/** What a namespace knows of an address on one of its links: its ARP entry, or what neighbour discovery has found. */
export interface Neighbour {
  readonly link: number;
  readonly address: string;
  readonly mac?: string | undefined;
  readonly state: string;
}

/** Asks for all neighbours of one family. */
export function dumpNeighbours(family: Family = AF_INET): NetlinkRequest {
  const payload = new Uint8Array(NDMSG_SIZE);
  payload[0] = family;
  return { type: RTM_GETNEIGH, flags: NLM_F_DUMP, payload, what: "RTM_GETNEIGH", change: false };
}

/** Reads the payload of an RTM_NEWNEIGH. @throws NetlinkFormatError for anything else. */
export function parseNeighbour(payload: Uint8Array): Neighbour {
  const view = structView(payload, NDMSG_SIZE, "struct ndmsg");
  const family = readFamily(view.getUint8(0), "ndm_family");
  const attributes = new Attributes(payload.subarray(NDMSG_SIZE), "RTM_NEWNEIGH");
  const address = ipAttribute(attributes, NDA_DST, "NDA_DST", family);
  if (address === undefined) throw new NetlinkFormatError("RTM_NEWNEIGH", "NDA_DST", "nothing");
  const mac = attributes.bytes(NDA_LLADDR);
  const state = view.getUint16(8, true);
  return {
    link: view.getInt32(4, true),
    address,
    mac: mac === undefined ? undefined : formatMac(mac),
    state: states[state] ?? String(state),
  };
}

import { bytes, joined, u32 } from "./attribute.ts";
import { ipBytes } from "./ip.ts";
import { type NetlinkRequest, NLM_F_CREATE } from "./message.ts";

const RTM_NEWNEIGH = 28;
const NLM_F_APPEND = 0x800;
const AF_BRIDGE = 7;

/** include/uapi/linux/neighbour.h. */
const NDA_DST = 1;
const NDA_LLADDR = 2;
const NDA_IFINDEX = 8;
const NUD_PERMANENT = 0x80;
const NUD_NOARP = 0x40;
const NTF_SELF = 0x02;

/**
 * Adds a host that a tunnel end sends frames to all to, and those to whom nobody knows: an entry of the forwarding
 * database for the MAC 00:00:00:00:00:00. One that is there already is fine: the same host
 * by the same link `dev`, of which the kernel makes two entries otherwise.
 * struct ndmsg: family u8@0 · pad · index i32@4 · state u16@8 · flags u8@10 · type u8@11.
 */
export function newFlood(link: number, remote: string, dev?: number): NetlinkRequest {
  const struct = new Uint8Array(12);
  const view = new DataView(struct.buffer);
  view.setUint8(0, AF_BRIDGE);
  view.setInt32(4, link, true);
  view.setUint16(8, NUD_NOARP | NUD_PERMANENT, true);
  view.setUint8(10, NTF_SELF);
  return {
    type: RTM_NEWNEIGH,
    flags: NLM_F_CREATE | NLM_F_APPEND,
    payload: joined([
      struct,
      bytes(NDA_LLADDR, new Uint8Array(6)),
      bytes(NDA_DST, ipBytes(remote)),
      ...(dev === undefined ? [] : [u32(NDA_IFINDEX, dev)]),
    ]),
    what: `RTM_NEWNEIGH ${remote}`,
    change: true,
  };
}

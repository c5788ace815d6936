import { macAt } from "./address.ts";
import { decodeArp } from "./arp.ts";
import { Bytes, CutOff } from "./bytes.ts";
import type { Context } from "./context.ts";
import { decodeIpv4 } from "./ipv4.ts";
import { decodeIpv6 } from "./ipv6.ts";

/** LINKTYPE_* of pcapng: frames with an Ethernet header, and packets of IP without any. */
export const linkTypes = { ethernet: 1, raw: 101 } as const;
export type LinkType = (typeof linkTypes)[keyof typeof linkTypes];

/** Below this an EtherType is a length: IEEE 802.3. */
const smallestType = 0x600;

/** struct ethhdr: destination@0 · source@6 · type u16@12; each 802.1Q tag adds tag u16 and type u16. */
function decodeEthernet(bytes: Bytes, context: Context): string {
  let at = 12;
  let type = bytes.u16(at);
  let vlan = "";
  while (type === 0x8100 || type === 0x88a8) {
    vlan += `vlan ${bytes.u16(at + 2) & 0xfff} `;
    at += 4;
    type = bytes.u16(at);
  }
  const payload = bytes.from(at + 2);
  const ends = `${macAt(bytes, 6)} > ${macAt(bytes, 0)}`;
  if (type < smallestType) {
    const isSpanningTree = payload.length >= 1 && payload.u8(0) === 0x42;
    return `${vlan}${ends} ${isSpanningTree ? "stp" : "llc"} length ${type}`;
  }
  switch (type) {
    case 0x0800:
      return vlan + decodeIpv4(payload, context);
    case 0x86dd:
      return vlan + decodeIpv6(payload, context);
    case 0x0806:
      return vlan + decodeArp(payload, context);
    case 0x88cc:
      return `${vlan}${ends} lldp length ${payload.length}`;
    default:
      return `${vlan}${ends} ethertype 0x${type.toString(16).padStart(4, "0")} length ${payload.length}`;
  }
}

function decodeRaw(bytes: Bytes, context: Context): string {
  const version = bytes.u8(0) >> 4;
  if (version === 4) return decodeIpv4(bytes, context);
  return version === 6 ? decodeIpv6(bytes, context) : `ip version ${version} length ${bytes.length}`;
}

/** One packet in one line. Never throws, whatever is in it. */
export function decodeFrame(packet: Uint8Array, linkType: LinkType, context: Context): string {
  const bytes = new Bytes(packet);
  try {
    return linkType === linkTypes.ethernet ? decodeEthernet(bytes, context) : decodeRaw(bytes, context);
  } catch (error) {
    if (error instanceof CutOff) return `cut off after ${packet.length} bytes`;
    throw error;
  }
}

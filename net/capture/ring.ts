/** Where a packet was going, as the socket saw it: PACKET_* of include/uapi/linux/if_packet.h. */
export const packetTypes = { host: 0, broadcast: 1, multicast: 2, other: 3, outgoing: 4 } as const;

/** One packet as it was captured. */
export interface Packet {
  /** Nanoseconds since 1970. */
  readonly time: bigint;
  /** As much of it as was to be kept; valid only while it is handled. */
  readonly data: Buffer;
  /** Its length on the wire. */
  readonly length: number;
  /** Index of the link. */
  readonly link: number;
  /** ARPHRD_* of the link. */
  readonly hardware: number;
  readonly type: number;
}

/**
 * struct tpacket_block_desc: version u32@0 · private u32@4 · status u32@8 · packets u32@12 · first u32@16;
 * struct tpacket3_hdr: next u32@0 · seconds u32@4 · nanoseconds u32@8 · kept u32@12 · length u32@16 · status u32@20 ·
 * mac u16@24 · net u16@26 · hash u32@28 · vlan tag u32@32 · vlan type u16@36 · padding to 48;
 * struct sockaddr_ll: family u16@48 · protocol u16@50 · ifindex i32@52 · hardware u16@56 · type u8@58.
 */
const VLAN_VALID = 0x10;
const VLAN_TPID_VALID = 0x40;
const headerSize = 60;
const macHeader = 12;

/** The packet with the 802.1Q tag that the kernel has taken out of it. */
function withTag(data: Buffer, tag: number, type: number): Buffer {
  const tagged = Buffer.alloc(data.length + 4);
  data.copy(tagged, 0, 0, macHeader);
  tagged.writeUInt16BE(type, macHeader);
  tagged.writeUInt16BE(tag, macHeader + 2);
  data.copy(tagged, macHeader + 4, macHeader);
  return tagged;
}

/** The packets of a block of a TPACKET_V3 ring, in order. What does not lie within the block is left out. */
export function* packetsOf(block: Buffer): Generator<Packet> {
  let at = block.readUInt32LE(16);
  for (let left = block.readUInt32LE(12); left > 0 && at + headerSize <= block.length; left -= 1) {
    const status = block.readUInt32LE(at + 20);
    const start = at + block.readUInt16LE(at + 24);
    const kept = block.readUInt32LE(at + 12);
    const end = start + kept;
    if (end > block.length) return;
    const plain = block.subarray(start, end);
    const tagged = (status & VLAN_VALID) !== 0 && plain.length >= macHeader;
    const type = (status & VLAN_TPID_VALID) === 0 ? 0x8100 : block.readUInt16LE(at + 36);
    yield {
      time: BigInt(block.readUInt32LE(at + 4)) * 1_000_000_000n + BigInt(block.readUInt32LE(at + 8)),
      data: tagged ? withTag(plain, block.readUInt32LE(at + 32) & 0xffff, type) : plain,
      length: block.readUInt32LE(at + 16) + (tagged ? 4 : 0),
      link: block.readInt32LE(at + 52),
      hardware: block.readUInt16LE(at + 56),
      type: block.readUInt8(at + 58),
    };
    const next = block.readUInt32LE(at);
    if (next === 0) return;
    at += next;
  }
}

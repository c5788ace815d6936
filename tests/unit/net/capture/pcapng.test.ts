import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  interfaceDescription,
  interfaceStatistics,
  nameResolution,
  packetBlockSize,
  sectionHeader,
  writePacket,
} from "../../../../net/capture/pcapng.ts";
import { type Packet, packetsOf, packetTypes } from "../../../../net/capture/ring.ts";
import { unhex } from "./frames.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

describe("pcapng, byte by byte", () => {
  test("the section and its interfaces", () => {
    expect(hex(sectionHeader("md", "Linux", "w"))).toBe(
      hex(
        unhex(
          "0a0d0d0a 3c000000 4d3c2b1a 0100 0000 ffffffffffffffff",
          "0300 0500 4c696e7578 000000", // shb_os
          "0400 0200 6d64 0000", // shb_userappl
          "0100 0100 77 000000", // opt_comment
          "00000000 3c000000",
        ),
      ),
    );
    const it = { linkType: 1, snapLength: 96, name: "eth0", filter: "arp" } as const;
    expect(hex(interfaceDescription(it))).toBe(
      hex(
        unhex(
          "01000000 30000000 0100 0000 60000000",
          "0200 0400 65746830", // if_name
          "0900 0100 09 000000", // if_tsresol: nanoseconds
          "0b00 0400 00617270", // if_filter
          "00000000 30000000",
        ),
      ),
    );
  });

  test("a packet, with its direction", () => {
    const packet = {
      time: 0x17_8000_0001_0203_04n,
      data: unhex("0102030405"),
      length: 1000,
      type: packetTypes.outgoing,
    };
    const into = Buffer.alloc(packetBlockSize(5), 0xee);
    expect(writePacket(into, 0, packet, 2)).toBe(into.length);
    expect(hex(into)).toBe(
      hex(
        unhex(
          "06000000 34000000 02000000",
          "00008017 04030201", // the time's higher half first
          "05000000 e8030000 0102030405 000000",
          "0200 0400 02000000 00000000", // epb_flags: outbound
          "34000000",
        ),
      ),
    );
    writePacket(into, 0, { ...packet, type: packetTypes.broadcast }, 2);
    expect(into.readUInt32LE(40)).toBe(1 | (3 << 2));
  });

  test("names and counts", () => {
    expect(hex(nameResolution([[unhex("0ac80102"), "web"]]))).toBe(
      hex(unhex("04000000 1c000000 0100 0800 0ac80102 77656200 00000000 1c000000")),
    );
    expect(hex(interfaceStatistics(0, 5n, { received: 7, dropped: 2 }))).toBe(
      hex(
        unhex(
          "05000000 34000000 00000000 00000000 05000000",
          "0400 0800 0700000000000000 0500 0800 0200000000000000 00000000 34000000",
        ),
      ),
    );
  });
});

/** A block of a TPACKET_V3 ring as the kernel fills it. */
function ringBlock(packets: readonly { readonly data: Buffer; readonly vlan?: number }[]): Buffer {
  const block = Buffer.alloc(8192);
  const first = 48;
  block.writeUInt32LE(packets.length, 12);
  block.writeUInt32LE(first, 16);
  let at = first;
  for (const { data, vlan } of packets) {
    const mac = 82;
    const size = (mac + data.length + 15) & ~15;
    block.writeUInt32LE(size, at);
    block.writeUInt32LE(1_700_000_000, at + 4);
    block.writeUInt32LE(123_456_789, at + 8);
    block.writeUInt32LE(data.length, at + 12);
    block.writeUInt32LE(data.length + 100, at + 16);
    block.writeUInt32LE(vlan === undefined ? 1 : 0x51, at + 20);
    block.writeUInt16LE(mac, at + 24);
    block.writeUInt32LE(vlan ?? 0, at + 32);
    block.writeUInt16LE(0x88a8, at + 36);
    block.writeInt32LE(7, at + 52);
    block.writeUInt16LE(1, at + 56);
    block.writeUInt8(4, at + 58);
    data.copy(block, at + mac);
    at += size;
  }
  return block;
}

describe("a block of the ring", () => {
  test("is read packet by packet, a tag put back in its place", () => {
    const data = unhex("02420ac80103 02420ac80102 0800 4500");
    const [plain, tagged, ...more] = [...packetsOf(ringBlock([{ data }, { data, vlan: 0x2064 }]))];
    expect(more).toEqual([]);
    expect(plain).toEqual({
      time: 1_700_000_000_123_456_789n,
      data,
      length: data.length + 100,
      link: 7,
      hardware: 1,
      type: 4,
    });
    expect(hex(tagged?.data ?? data)).toBe("02420ac80103" + "02420ac80102" + "88a82064" + "08004500");
    expect(tagged?.length).toBe(data.length + 104);
  });

  test("that is nonsense never throws, and ends", () => {
    const word = fc.tuple(fc.nat(300), fc.integer({ min: 0, max: 0xffffffff }));
    fc.assert(
      fc.property(fc.array(word, { maxLength: 12 }), (words) => {
        const block = ringBlock([{ data: Buffer.alloc(60, 1) }, { data: Buffer.alloc(60, 2) }]).subarray(
          0,
          512,
        );
        block.writeUInt32LE(4, 12);
        for (const [at, value] of words) block.writeUInt32LE(value, at);
        block.writeUInt32LE(Math.min(block.readUInt32LE(12), 100_000), 12);
        const found: Packet[] = [...packetsOf(block)];
        for (const { data } of found) expect(data.length).toBeLessThanOrEqual(516);
      }),
      { numRuns: 3000 },
    );
  });
});

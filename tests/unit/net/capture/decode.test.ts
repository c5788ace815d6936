import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Context, Streams } from "../../../../net/capture/decode/context.ts";
import { decodeFrame, linkTypes } from "../../../../net/capture/decode/frame.ts";
import { arpFrame, dhcp, dnsAnswer, dnsQuery, ipv4Frame, ipv6Frame, tcp, udp, unhex } from "./frames.ts";

const names = new Map([
  ["10.200.1.2", "web"],
  ["10.200.1.3", "db"],
]);
const plain = (): Context => ({ who: (address) => address, streams: new Streams() });
const named = (): Context => ({ who: (address) => names.get(address) ?? address, streams: new Streams() });
const decode = (frame: Uint8Array, context: Context = plain()): string =>
  decodeFrame(frame, linkTypes.ethernet, context);

describe("a packet in one line", () => {
  test("arp", () => {
    expect(decode(arpFrame(1, "0ac80102", "0ac80103"), named())).toBe("arp who has db? tell web");
    expect(decode(arpFrame(1, "0ac80102", "0ac80102"))).toBe(
      "arp announce 10.200.1.2 is at 02:42:0a:c8:01:02",
    );
    expect(decode(arpFrame(2, "0ac80102", "0ac80103"))).toBe("arp reply 10.200.1.2 is at 02:42:0a:c8:01:02");
  });

  test("icmp: echo, and errors with what they are about", () => {
    expect(decode(ipv4Frame(1, unhex("0800 0000 0007 0003")), named())).toBe(
      "web > db icmp echo request id 7 seq 3 len 8",
    );
    const about = ipv4Frame(17, udp(1000, 53, Buffer.alloc(4))).subarray(14);
    const error = (head: string): string => decode(ipv4Frame(1, Buffer.concat([unhex(head), about])));
    const ends = "10.200.1.2 > 10.200.1.3 icmp";
    expect(error("0303 0000 00000000")).toBe(`${ends} unreachable: port: 10.200.1.3 udp port 53`);
    expect(error("0304 0000 0000 0514")).toBe(
      `${ends} unreachable: fragmentation needed mtu 1300: 10.200.1.3 udp port 53`,
    );
    expect(error("0b00 0000 00000000")).toBe(`${ends} time exceeded: 10.200.1.3 udp port 53`);
    expect(error("0501 0000 0ac80101")).toBe(`${ends} redirect to 10.200.1.1: 10.200.1.3 udp port 53`);
  });

  test("icmpv6: echo, neighbours, too big", () => {
    const ends = "fd00::2 > fd00::3 icmp6";
    expect(decode(ipv6Frame(58, unhex("8000 0000 0007 0003")))).toBe(`${ends} echo request id 7 seq 3 len 8`);
    const target = "fd000000000000000000000000000009";
    expect(decode(ipv6Frame(58, unhex("8700 0000 00000000", target)))).toBe(
      `${ends} neighbour who has fd00::9?`,
    );
    expect(decode(ipv6Frame(58, unhex("8800 0000 00000000", target, "02 01 02420ac80109")))).toBe(
      `${ends} neighbour fd00::9 is at 02:42:0a:c8:01:09`,
    );
    const about = ipv6Frame(6, Buffer.alloc(20)).subarray(14);
    expect(decode(ipv6Frame(58, Buffer.concat([unhex("0200 0000 00000514"), about])))).toBe(
      `${ends} packet too big mtu 1300: fd00::3`,
    );
  });

  test("tcp: flags, sequence numbers from the stream's beginning, window, length", () => {
    const context = named();
    const [there, back] = [
      (it: Parameters<typeof tcp>[2]) => decode(ipv4Frame(6, tcp(40_000, 80, it)), context),
      (it: Parameters<typeof tcp>[2]) => {
        const frame = ipv4Frame(6, tcp(80, 40_000, it));
        unhex("0ac80103 0ac80102").copy(frame, 26);
        return decode(frame, context);
      },
    ];
    expect(there({ sequence: 0xffffffff, flags: 0x02, options: "020405b4 01030307" })).toBe(
      "web:40000 > db:80 tcp S seq 0 win 64240 mss 1460 wscale 7 len 0",
    );
    expect(back({ sequence: 5000, ack: 0, flags: 0x12, options: "020405b4" })).toBe(
      "db:80 > web:40000 tcp S. seq 0 ack 1 win 64240 mss 1460 len 0",
    );
    expect(there({ sequence: 0, ack: 5001, flags: 0x18, payload: Buffer.alloc(10) })).toBe(
      "web:40000 > db:80 tcp P. seq 1:11 ack 1 win 64240 len 10",
    );
    expect(there({ sequence: 10, ack: 5001, flags: 0x11 })).toBe(
      "web:40000 > db:80 tcp F. seq 11 ack 1 win 64240 len 0",
    );
    expect(back({ sequence: 5001, flags: 0x04 })).toBe("db:80 > web:40000 tcp R seq 1 win 64240 len 0");
  });

  test("dns: questions and answers, by udp and tcp", () => {
    const ends = "10.200.1.2:5000 > 10.200.1.3:53";
    expect(decode(ipv4Frame(17, udp(5000, 53, dnsQuery)))).toBe(
      `${ends} udp len 25 dns query 4660 A web.lan.`,
    );
    expect(decode(ipv4Frame(17, udp(53, 5000, dnsAnswer)), named())).toBe(
      "web:53 > db:5000 udp len 58 dns answer 4660 A web.lan. noerror -> CNAME db.lan., 10.200.1.3 (db)",
    );
    const refusal = unhex("0001 8183 0001 0000 0000 0000 03776562 00 001c 0001");
    expect(decode(ipv4Frame(17, udp(53, 5000, refusal)))).toMatch(/dns answer 1 AAAA web\. nxdomain$/);
    const overTcp = Buffer.concat([unhex("0019"), dnsQuery]);
    expect(decode(ipv4Frame(6, tcp(5000, 53, { flags: 0x18, payload: overTcp })))).toMatch(
      / tcp P\. .* len 27 dns query 4660 A web\.lan\.$/,
    );
  });

  test("dns names that would harm a terminal, or point in circles, do not", () => {
    const evil = unhex("0001 0100 0001 0000 0000 0000 04 1b5b324a 00 0001 0001");
    expect(decode(ipv4Frame(17, udp(5000, 53, evil)))).toMatch(/dns query 1 A \\027\[2J\.$/);
    const circle = unhex("0001 0100 0001 0000 0000 0000 c00c 0001 0001");
    expect(decode(ipv4Frame(17, udp(5000, 53, circle)))).toMatch(/^cut off/);
  });

  test("dhcp, udp, others, fragments, vlans, and packets without Ethernet", () => {
    expect(decode(ipv4Frame(17, udp(68, 67, dhcp(3))))).toBe(
      "10.200.1.2:68 > 10.200.1.3:67 udp len 244 dhcp request client 02:42:0a:c8:01:02 address 10.200.1.9",
    );
    expect(decode(ipv6Frame(17, udp(546, 547, unhex("01 000001"))))).toBe(
      "[fd00::2]:546 > [fd00::3]:547 udp len 4 dhcp6 solicit",
    );
    expect(decode(ipv4Frame(17, udp(9, 10, Buffer.alloc(5))))).toBe("10.200.1.2:9 > 10.200.1.3:10 udp len 5");
    expect(decode(ipv4Frame(132, Buffer.alloc(12)))).toBe("10.200.1.2 > 10.200.1.3 sctp length 12");
    expect(decode(ipv4Frame(17, Buffer.alloc(8), 0x00b9))).toBe(
      "10.200.1.2 > 10.200.1.3 ip fragment of 4660 at 1480 length 8",
    );
    const frame = ipv4Frame(1, unhex("0000 0000 0007 0003"));
    const tagged = Buffer.concat([frame.subarray(0, 12), unhex("8100 2064"), frame.subarray(12)]);
    expect(decode(tagged)).toBe("vlan 100 10.200.1.2 > 10.200.1.3 icmp echo reply id 7 seq 3 len 8");
    expect(decodeFrame(frame.subarray(14), linkTypes.raw, plain())).toBe(
      "10.200.1.2 > 10.200.1.3 icmp echo reply id 7 seq 3 len 8",
    );
    expect(decode(unhex("02420ac80103 02420ac80102 88cc 0000"))).toMatch(/ lldp length 2$/);
    expect(decode(unhex("02420ac80103 02420ac80102 1234 0000"))).toMatch(/ ethertype 0x1234 length 2$/);
  });
});

const samples = [
  arpFrame(1, "0ac80102", "0ac80103"),
  ipv4Frame(1, unhex("0303 0000 00000000 4500")),
  ipv4Frame(6, tcp(1, 53, { flags: 0x02, options: "020405b4", payload: dnsAnswer })),
  ipv4Frame(17, udp(53, 1, dnsAnswer)),
  ipv4Frame(17, udp(68, 67, dhcp(1))),
  ipv6Frame(0, unhex("3a00 0000 00000000 8700 0000 00000000")),
  ipv6Frame(44, unhex("1100 0000 00000001 0035 0035 0010 0000")),
  ipv6Frame(58, unhex("8800 0000 00000000 fd000000000000000000000000000009 0201 02420ac80109")),
];

describe("whatever a packet holds", () => {
  const isLine = (line: string): void => expect(line).toMatch(/^[\x20-\x7e]+$/);

  test("a packet that is cut off anywhere is a line", () => {
    for (const sample of samples)
      for (let length = 0; length <= sample.length; length += 1) isLine(decode(sample.subarray(0, length)));
  });

  test("random bytes are a line", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, raw) => {
        isLine(decodeFrame(bytes, raw ? linkTypes.raw : linkTypes.ethernet, plain()));
      }),
      { numRuns: 5000 },
    );
  });

  test("packets with some bytes changed are lines", () => {
    const change = fc.tuple(fc.nat(300), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(fc.constantFrom(...samples), fc.array(change, { maxLength: 8 }), (sample, changes) => {
        const bytes = Uint8Array.from(sample);
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        isLine(decode(bytes));
      }),
      { numRuns: 10_000 },
    );
  });

  test("streams are forgotten, the oldest first", () => {
    const streams = new Streams();
    for (let at = 0; at < 10_000; at += 1) streams.first(`${at}`, at, false);
    expect(streams.known("0")).toBeUndefined();
    expect(streams.known("9999")).toBe(9999);
  });
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseAck } from "../../../../net/netlink/ack.ts";
import { deleteAddress, newAddress, parseAddress } from "../../../../net/netlink/address.ts";
import { joined, text } from "../../../../net/netlink/attribute.ts";
import { NetlinkFormatError } from "../../../../net/netlink/format-error.ts";
import {
  deleteLink,
  getLink,
  goneLink,
  newBridge,
  newVeth,
  parseLink,
  setLink,
} from "../../../../net/netlink/link.ts";
import { decodeMessages, encodeMessage, type NetlinkRequest } from "../../../../net/netlink/message.ts";
import { parseNeighbour } from "../../../../net/netlink/neighbour.ts";
import { newRoute, parseRoute } from "../../../../net/netlink/route.ts";
import "../../seed.ts";

/** Words of a message as sent with sequence number 1; struct and attribute boundaries are the reader's spaces. */
function expectBytes(request: NetlinkRequest, ...words: string[]): void {
  expect(Buffer.from(encodeMessage(request, 1)).toString("hex")).toBe(words.join("").replaceAll(" ", ""));
}

describe("requests, byte by byte", () => {
  test("a bridge", () => {
    expectBytes(
      newBridge("mdocker0", { mtu: 1500, mac: "02:42:0a:c8:01:01", up: true }),
      "54000000 1000 0506 01000000 00000000", // length, RTM_NEWLINK, REQUEST|ACK|CREATE|EXCL, sequence, port
      "00 00 0000 00000000 01000000 01000000", // ifinfomsg: family, type, index, flags IFF_UP, change IFF_UP
      "0d00 0300 6d646f636b657230 00 000000", // IFLA_IFNAME
      "0800 0400 dc050000", // IFLA_MTU
      "0a00 0100 02420ac80101 0000", // IFLA_ADDRESS
      "1000 1280 0b00 0100 627269646765 00 00", // IFLA_LINKINFO { IFLA_INFO_KIND "bridge" }
    );
  });

  test("a veth pair, its peer born in another namespace", () => {
    expectBytes(
      newVeth(
        "mdv0",
        { master: 7, mtu: 1400, up: true },
        { name: "eth0", mac: "02:42:0a:c8:01:02", mtu: 1400, netns: 9 },
      ),
      "ac000000 1000 0506 01000000 00000000",
      "00 00 0000 00000000 01000000 01000000",
      "0900 0300 6d647630 00 000000",
      "0800 0400 78050000",
      "0800 0a00 07000000", // IFLA_MASTER
      "0800 1f00 01000000 0800 2000 01000000", // IFLA_NUM_TX_QUEUES, IFLA_NUM_RX_QUEUES
      "6000 1280 0900 0100 76657468 00 000000", // IFLA_LINKINFO { IFLA_INFO_KIND "veth"
      "5000 0280 4c00 0180", // IFLA_INFO_DATA { VETH_INFO_PEER {
      "00 00 0000 00000000 00000000 00000000", // ifinfomsg of the peer: down
      "0900 0300 65746830 00 000000",
      "0800 0400 78050000",
      "0a00 0100 02420ac80102 0000",
      "0800 1f00 01000000 0800 2000 01000000",
      "0800 1c00 09000000", // IFLA_NET_NS_FD }}}
    );
  });

  test("changes to a link", () => {
    expectBytes(
      setLink("mdv0", { alias: "mdocker:c:bridge", isolated: true }),
      "60000000 1000 0500 01000000 00000000",
      "00 00 0000 00000000 00000000 00000000",
      "0900 0300 6d647630 00 000000",
      "1500 1400 6d646f636b65723a633a627269646765 00 000000", // IFLA_IFALIAS
      "1c00 1280 0b00 0400 627269646765 00 00", // IFLA_LINKINFO { IFLA_INFO_SLAVE_KIND "bridge"
      "0c00 0580 0500 2100 01 000000", // IFLA_INFO_SLAVE_DATA { IFLA_BRPORT_ISOLATED }}
    );
    expectBytes(
      setLink(1, { up: true }),
      "20000000 1000 0500 01000000 00000000",
      "00 00 0000 01000000 01000000 01000000",
    );
    expectBytes(
      deleteLink("mdv0"),
      "2c000000 1100 0500 01000000 00000000",
      "00 00 0000 00000000 00000000 00000000",
      "0900 0300 6d647630 00 000000",
    );
  });

  test("a question about a link asks for no ack and no counters", () => {
    expectBytes(
      getLink(3),
      "28000000 1200 0100 01000000 00000000",
      "00 00 0000 03000000 00000000 00000000",
      "0800 1d00 08000000", // IFLA_EXT_MASK RTEXT_FILTER_SKIP_STATS
    );
  });

  test("an address", () => {
    const address = { link: 2, address: "10.200.1.2", prefixLength: 24 };
    const attributes = "0800 0200 0ac80102 0800 0100 0ac80102 0800 0400 0ac801ff"; // LOCAL, ADDRESS, BROADCAST
    expectBytes(
      newAddress(address),
      "30000000 1400 0506 01000000 00000000",
      "02 18 00 00 02000000",
      attributes,
    );
    expectBytes(
      deleteAddress(address),
      "30000000 1500 0500 01000000 00000000",
      "02 18 00 00 02000000",
      attributes,
    );
  });

  test("routes", () => {
    expectBytes(
      newRoute({ gateway: "10.200.1.1" }),
      "24000000 1800 0506 01000000 00000000",
      "02 00 00 00 fe 04 00 01 00000000", // rtmsg: family, lengths, tos, table, protocol, scope, type, flags
      "0800 0500 0ac80101", // RTA_GATEWAY
    );
    expectBytes(
      newRoute({ destination: { address: "10.9.0.0", prefixLength: 16 }, link: 3, metric: 5 }),
      "34000000 1800 0506 01000000 00000000",
      "02 10 00 00 fe 04 fd 01 00000000",
      "0800 0100 0a090000 0800 0400 03000000 0800 0600 05000000", // RTA_DST, RTA_OIF, RTA_PRIORITY
    );
  });
});

describe("answers", () => {
  test("a link that is gone, and a port that only left its bridge", () => {
    const notice = (family: string, type: string) =>
      decodeMessages(
        Buffer.from(`20000000${type}00000000000000000000${family}00010007000000${"00".repeat(8)}`, "hex"),
      )[0];
    const gone = (family: string, type: string) => {
      const message = notice(family, type);
      return message && goneLink(message);
    };
    expect(gone("00", "1100")).toBe(7);
    expect(gone("07", "1100")).toBeUndefined();
    expect(gone("00", "1000")).toBeUndefined();
  });

  const bytesOf = (words: string): Uint8Array => Buffer.from(words.replaceAll(" ", ""), "hex");

  test("a link", () => {
    const payload = bytesOf(
      "00 00 0100 08000000 43100100 00000000 0900 0300 6d647630 00 000000 0800 0400 dc050000 0800 0500 02000000" +
        "0800 0a00 07000000 0500 1000 06 000000 0900 1400 6e6f6465 00 000000 0a00 0100 02420ac80102 0000" +
        "1000 1200 0900 0100 76657468 00 000000",
    );
    expect(parseLink(payload)).toEqual({
      index: 8,
      name: "mdv0",
      up: true,
      running: true,
      mtu: 1500,
      alias: "node",
      mac: "02:42:0a:c8:01:02",
      kind: "veth",
      master: 7,
      peer: 2,
      operstate: 6,
    });
  });

  test("an address, a route, a neighbour", () => {
    expect(
      parseAddress(bytesOf("02 18 80 00 02000000 0800 0200 0ac80102 0900 0300 65746830 00 000000")),
    ).toEqual({
      link: 2,
      address: "10.200.1.2",
      prefixLength: 24,
      label: "eth0",
    });
    const route = "02 18 00 00 fe 03 00 01 00000000 0800 0f00 2c010000 0800 0100 0a090900 0800 0400 03000000";
    expect(parseRoute(bytesOf(route))).toEqual({
      destination: "10.9.9.0",
      prefixLength: 24,
      table: 300,
      type: 1,
      gateway: undefined,
      link: 3,
      metric: 0,
      source: undefined,
    });
    const neighbour = "02 00 0000 02000000 0400 00 01 0800 0100 0ac80101 0a00 0200 02420ac80101 0000";
    expect(parseNeighbour(bytesOf(neighbour))).toEqual({
      link: 2,
      address: "10.200.1.1",
      mac: "02:42:0a:c8:01:01",
      state: "stale",
    });
  });

  test("several messages in one datagram", () => {
    const datagram = joined([encodeMessage(getLink(3), 4), encodeMessage(deleteLink(9), 5)]);
    expect(decodeMessages(datagram).map(({ type, sequence }) => [type, sequence])).toEqual([
      [18, 4],
      [17, 5],
    ]);
  });

  test("an ack with the kernel's own words, the request repeated or not", () => {
    const request = encodeMessage(deleteLink(9), 5);
    const refused = bytesOf("ea ff ff ff"); // -EINVAL
    const words = text(1, "mtu less than device minimum");
    const ack = { type: 2, sequence: 5 };
    const expected = { errno: 22, text: "mtu less than device minimum" };
    const whole = joined([refused, request, words]);
    const capped = joined([refused, request.subarray(0, 16), words]);
    expect(parseAck({ ...ack, flags: 0x200, payload: whole })).toEqual(expected);
    expect(parseAck({ ...ack, flags: 0x300, payload: capped })).toEqual(expected);
    expect(parseAck({ ...ack, flags: 0, payload: joined([refused, request]) })).toEqual({ errno: 22 });
    const done = joined([bytesOf("00 00 00 00"), request.subarray(0, 16)]);
    expect(parseAck({ ...ack, flags: 0x100, payload: done })).toEqual({ errno: 0 });
  });

  test("that are malformed are refused with the field", () => {
    const cases: [() => unknown, string][] = [
      [
        () => decodeMessages(bytesOf("10000000 1000")),
        "message at 0: expected a header of 16 bytes, found 6 bytes",
      ],
      [
        () => decodeMessages(bytesOf("20000000 1000 0000 01000000 00000000")),
        "nlmsg_len at 0: expected a length of 16 to 16, found 32",
      ],
      [() => parseLink(bytesOf("00 00 0100")), "struct ifinfomsg: expected at least 16 bytes, found 4"],
      [
        () => parseAddress(bytesOf("07 40 00 00 02000000")),
        "ifa_family: expected 2 (AF_INET) or 10 (AF_INET6), found 7",
      ],
      [() => parseAddress(bytesOf("02 18 00 00 02000000")), "RTM_NEWADDR: expected IFA_LOCAL or IFA_ADDRESS"],
      [
        () => parseAddress(bytesOf("02 18 00 00 02000000 0600 0200 0ac8 0000")),
        "IFA_LOCAL: expected 4 bytes, found 2",
      ],
      [
        () => parseRoute(bytesOf("02 21 00 00 fe 03 00 01 00000000")),
        "rtm_dst_len: expected 0 to 32, found 33",
      ],
      [() => parseNeighbour(bytesOf("02 00 0000 02000000 0400 00 01")), "RTM_NEWNEIGH: expected NDA_DST"],
      [
        () =>
          parseAck({
            type: 2,
            flags: 0x200,
            sequence: 1,
            payload: bytesOf(`eaffffff ff000000 ${"00".repeat(12)}`),
          }),
        "nlmsg_len: expected the repeated request, found 255 bytes",
      ],
    ];
    for (const [parse, message] of cases) expect(parse).toThrow(message);
  });

  test("of any bytes are parsed or refused, never anything else", () => {
    const parsers = [parseLink, parseAddress, parseRoute, parseNeighbour];
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 96 }), (payload) => {
        for (const parse of [
          ...parsers.map((it) => () => it(payload)),
          () => decodeMessages(payload),
          () => parseAck({ type: 2, flags: 0x300, sequence: 1, payload }),
        ]) {
          try {
            parse();
          } catch (error) {
            expect(error).toBeInstanceOf(NetlinkFormatError);
          }
        }
      }),
    );
  });
});

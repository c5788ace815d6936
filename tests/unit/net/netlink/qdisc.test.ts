import { describe, expect, test } from "vitest";
import { encodeMessage } from "../../../../net/netlink/message.ts";
import {
  deleteQdisc,
  dumpQdiscs,
  formatHandle,
  parseQdisc,
  replaceQdisc,
  rootParent,
} from "../../../../net/netlink/qdisc.ts";
import { encodeNetem, type Netem, parseNetem } from "../../../../net/netlink/qdisc-netem.ts";
import { encodeTbf, parseTbf } from "../../../../net/netlink/qdisc-tbf.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const unhex = (...words: readonly string[]): Uint8Array =>
  Uint8Array.from(Buffer.from(words.join("").replaceAll(" ", ""), "hex"));

const nothing: Netem = {
  latencyNs: 0,
  jitterNs: 0,
  latencyCorrelation: 0,
  loss: 0,
  lossCorrelation: 0,
  duplicate: 0,
  duplicateCorrelation: 0,
  corrupt: 0,
  corruptCorrelation: 0,
  reorder: 0,
  reorderCorrelation: 0,
  gap: 0,
  limit: 1000,
};

describe("a qdisc", () => {
  test("is replaced, deleted and asked for, byte by byte", () => {
    const place = { link: 3, parent: rootParent, handle: 0x6d010000 };
    expect(hex(encodeMessage(replaceQdisc(place, "netem", Uint8Array.of(1, 2, 3, 4)), 1))).toBe(
      [
        "38000000 2400 0505 01000000 00000000", // length, RTM_NEWQDISC, REQUEST|ACK|REPLACE|CREATE, sequence, port
        "00 000000 03000000 0000016d ffffffff 00000000", // tcmsg: family, ifindex, handle, parent TC_H_ROOT, info
        "0a00 0100 6e6574656d00 0000", // TCA_KIND
        "0800 0200 01020304", // TCA_OPTIONS
      ]
        .join("")
        .replaceAll(" ", ""),
    );
    expect(hex(encodeMessage(deleteQdisc(place), 1))).toBe(
      "2400000025000500010000000000000000000000030000000000016dffffffff00000000",
    );
    expect(hex(encodeMessage(dumpQdiscs(), 1))).toBe(
      "24000000260001030100000000000000000000000000000000000000" + "0000000000000000",
    );
    expect([rootParent, 0x6d010000, 0x6d010001].map(formatHandle)).toEqual(["root", "6d01:", "6d01:1"]);
  });

  test("is read with its counters", () => {
    const message = unhex(
      "00 000000 05000000 0000006e ffffffff 02000000",
      "0800 0100 74626600",
      "0800 0200 01020304",
      "30000700 14000100 9600000000000000 0200000000000000", // TCA_STATS2 { TCA_STATS_BASIC
      "18000300 01000000 4b000000 07000000 00000000 03000000", // TCA_STATS_QUEUE }
    );
    expect(parseQdisc(message)).toEqual({
      link: 5,
      handle: 0x6e000000,
      parent: rootParent,
      kind: "tbf",
      options: Uint8Array.of(1, 2, 3, 4),
      counters: { bytes: 150, packets: 2, dropped: 7, waiting: 1 },
    });
    expect(() => parseQdisc(new Uint8Array(7))).toThrow("struct tcmsg");
  });
});

describe("netem", () => {
  // As tc(8) of iproute2 6.1 sent it for: netem delay 50ms 10ms 25% loss 1% 10% duplicate 2% 5% corrupt 0.5%
  // reorder 25% 50% limit 5000
  const fromTc = unhex(
    "c2eb0b00 88130000 295c8f02 01000000 52b81e05 5a620200",
    "1000 0100 00000040 9a999919 cdcccc0c",
    "0c00 0300 00000040 00000080",
    "0c00 0400 14ae4701 00000000",
  );
  const all: Netem = {
    latencyNs: 50e6,
    jitterNs: 10e6,
    latencyCorrelation: 0.25,
    loss: 0.01,
    lossCorrelation: 0.1,
    duplicate: 0.02,
    duplicateCorrelation: 0.05,
    corrupt: 0.005,
    corruptCorrelation: 0,
    reorder: 0.25,
    reorderCorrelation: 0.5,
    gap: 1,
    limit: 5000,
  };

  test("is told what tc tells it, and times in nanoseconds too", () => {
    const ours = encodeNetem(all);
    expect(hex(ours.subarray(0, fromTc.length))).toBe(hex(fromTc));
    expect(hex(ours.subarray(fromTc.length))).toBe(
      hex(unhex("0c00 0a00 80f0fa0200000000", "0c00 0b00 8096980000000000")),
    );
    expect(parseNetem(ours)).toEqual({
      ...Object.fromEntries(
        Object.entries(all).map(([key, value]) => [key, expect.closeTo(Number(value), 8)]),
      ),
      lossModel: undefined,
    });
    expect(parseNetem(fromTc)).toMatchObject({ latencyNs: 50e6, jitterNs: 10e6, gap: 1 });
  });

  test("is told what tc tells it of a loss model", () => {
    // tc ... netem loss gemodel 1% 10% 70% 0.1%: tc rounds the third to cdcccc4c
    const model = unhex("1800 0580 1400 0200 295c8f02 9a999919 cccccc4c 37894100");
    const ours = encodeNetem({ ...nothing, lossModel: [0.01, 0.1, 0.7, 0.001] });
    expect(hex(ours)).toContain(hex(model));
    expect(parseNetem(ours).lossModel).toEqual([0.01, 0.1, 0.7, 0.001].map((it) => expect.closeTo(it, 9)));
  });

  test("what was read is written again to the bit", () => {
    for (const chance of [0, 1, 0.01, 0.333, 1e-9]) {
      const once = encodeNetem({ ...nothing, loss: chance, duplicate: chance });
      expect(hex(encodeNetem(parseNetem(once)))).toBe(hex(once));
    }
  });
});

describe("tbf", () => {
  test("is told rate, burst and limit", () => {
    const options = encodeTbf({ bytesPerSecond: 125_000, burst: 5120, limit: 20_480 });
    expect(hex(options)).toBe(
      hex(
        unhex(
          "2800 0100 00 01 0000 0000 0000 48e80100", // TCA_TBF_PARMS: linklayer Ethernet, 125000 bytes a second
          "000000000000000000000000 00500000 00c40900 00000000", // no peak rate; limit, burst in ticks of 64 ns, mtu
          "0800 0600 00140000", // TCA_TBF_BURST
        ),
      ),
    );
    expect(parseTbf(options)).toEqual({ bytesPerSecond: 125_000, burst: 5120, limit: 20_480 });
  });

  test("takes more than 2^32 bytes a second", () => {
    const fast = { bytesPerSecond: 12_500_000_000, burst: 125_000_000, limit: 1_375_000_000 };
    expect(parseTbf(encodeTbf(fast))).toEqual(fast);
  });

  test("refuses what is none", () => {
    expect(() => parseTbf(new Uint8Array(0))).toThrow("TCA_TBF_PARMS");
  });
});

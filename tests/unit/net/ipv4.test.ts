import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatIpv4, ipv4, ipv4Block, ipv4Bytes, lastOf, overlap, parseIpv4 } from "../../../net/ipv4.ts";

const address = fc.nat(0xffffffff);
const block = fc
  .record({ base: address, prefixLength: fc.integer({ min: 0, max: 32 }) })
  .map(({ base, prefixLength }) => ipv4Block(`${formatIpv4(base)}/${prefixLength}`));

describe("addresses", () => {
  test("are read as they were written", () => {
    fc.assert(
      fc.property(address, (value) => {
        expect(parseIpv4(formatIpv4(value))).toBe(value);
      }),
    );
    expect(formatIpv4(0xffffffff)).toBe("255.255.255.255");
    expect([...ipv4Bytes("10.200.1.2")]).toEqual([10, 200, 1, 2]);
  });

  test("that are none are recognised", () => {
    for (const text of [
      "",
      "1.2.3",
      "1.2.3.4.5",
      "256.0.0.1",
      "01.2.3.4",
      "1.2.3.x",
      "::1",
      " 1.2.3.4",
      "1.2.3.4/8",
    ]) {
      expect(parseIpv4(text)).toBeUndefined();
    }
  });
});

describe("blocks", () => {
  test("lose their host bits and know their last address", () => {
    expect(ipv4Block("10.200.1.77/24")).toEqual({ base: ipv4("10.200.1.0"), prefixLength: 24 });
    expect(formatIpv4(lastOf(ipv4Block("10.200.1.0/24")))).toBe("10.200.1.255");
    expect(ipv4Block("255.1.2.3/0")).toEqual({ base: 0, prefixLength: 0 });
    expect(lastOf(ipv4Block("0.0.0.0/0"))).toBe(0xffffffff);
  });

  test("overlap exactly if the one begins inside the other", () => {
    fc.assert(
      fc.property(block, block, (one, other) => {
        const inside = (value: number, it: typeof one) => value >= it.base && value <= lastOf(it);
        expect(overlap(one, other)).toBe(inside(one.base, other) || inside(other.base, one));
        expect(overlap(one, other)).toBe(overlap(other, one));
      }),
    );
  });
});

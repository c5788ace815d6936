import { isIPv6 } from "node:net";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  formatIpv6,
  ipv6,
  ipv6Block,
  ipv6Bytes,
  ipv6Text,
  lastOf6,
  overlap6,
  parseIpv6,
} from "../../../net/ipv6.ts";

describe("an IPv6 address", () => {
  test.each([
    ["::", "::"],
    ["::1", "::1"],
    ["FD00:0:0:1::", "fd00:0:0:1::"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
    ["::ffff:192.0.2.1", "::ffff:c000:201"],
    ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
  ])("%s is written as %s", (text, canonical) => {
    expect(formatIpv6(ipv6(text))).toBe(canonical);
  });

  test.each(["", ":", ":::", "1::2::3", "1:2:3", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "g::", "12345::"])(
    "%j is none",
    (text) => {
      expect(parseIpv6(text)).toBeUndefined();
    },
  );

  test.each(["fe80::1%eth0", "::1.2.3", "1.2.3.4::", "::1.2.3.4:5", "10.0.0.1", " ::1"])(
    "nor is %j",
    (text) => {
      expect(parseIpv6(text)).toBeUndefined();
    },
  );

  test("is read as the system reads it, and comes back the same", () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const value = parseIpv6(text);
        expect(value !== undefined).toBe(isIPv6(text));
        if (value === undefined) return;
        expect(parseIpv6(formatIpv6(value))).toBe(value);
        expect(ipv6Text(ipv6Bytes(text))).toBe(formatIpv6(value));
      }),
    );
  });

  test("begins and ends a block", () => {
    const block = ipv6Block("2001:db8:0:1::7/64");
    expect(formatIpv6(block.base)).toBe("2001:db8:0:1::");
    expect(formatIpv6(lastOf6(block))).toBe("2001:db8:0:1:ffff:ffff:ffff:ffff");
    expect(overlap6(block, ipv6Block("2001:db8::/32"))).toBe(true);
    expect(overlap6(block, ipv6Block("2001:db8:0:2::/64"))).toBe(false);
    expect(overlap6(block, ipv6Block("::/0"))).toBe(true);
  });
});

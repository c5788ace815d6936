import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Attributes, bytes, joined, nested, text, u8, u16, u32 } from "../../../../net/netlink/attribute.ts";
import "../../seed.ts";

const hex = (source: Uint8Array): string => Buffer.from(source).toString("hex");

describe("attributes", () => {
  test("are written with header, value and padding", () => {
    expect(hex(u8(33, 1))).toBe("05002100" + "01000000");
    expect(hex(u16(1, 0x1234))).toBe("06000100" + "34120000");
    expect(hex(u32(4, 1500))).toBe("08000400" + "dc050000");
    expect(hex(text(3, "eth0"))).toBe("09000300" + "6574683000" + "000000");
    expect(hex(nested(18, text(1, "veth"), u8(2, 7)))).toBe(
      "18001280" + "09000100" + "7665746800000000" + "05000200" + "07000000",
    );
  });

  test("that do not fit their length field are refused", () => {
    expect(() => bytes(1, new Uint8Array(0x10000))).toThrow("too long");
  });

  const value = fc.oneof(
    fc.record({ kind: fc.constant("u8" as const), value: fc.nat(0xff) }),
    fc.record({ kind: fc.constant("u16" as const), value: fc.nat(0xffff) }),
    fc.record({ kind: fc.constant("u32" as const), value: fc.nat(0xffffffff) }),
    fc.record({ kind: fc.constant("bytes" as const), value: fc.uint8Array({ maxLength: 70 }) }),
    fc.record({
      kind: fc.constant("text" as const),
      value: fc.string({ unit: "grapheme" }).filter((it) => !it.includes("\0")),
    }),
  );
  type Value = typeof value extends fc.Arbitrary<infer T> ? T : never;

  function write(type: number, it: Value): Uint8Array {
    switch (it.kind) {
      case "u8":
        return u8(type, it.value);
      case "u16":
        return u16(type, it.value);
      case "u32":
        return u32(type, it.value);
      case "bytes":
        return bytes(type, it.value);
      case "text":
        return text(type, it.value);
    }
  }

  test("are read as they were written, at any depth", () => {
    const list = fc.uniqueArray(fc.tuple(fc.integer({ min: 1, max: 0x3fff }), value), {
      selector: ([type]) => type,
      maxLength: 12,
    });
    fc.assert(
      fc.property(list, fc.integer({ min: 0, max: 4 }), (values, depth) => {
        let written = joined(values.map(([type, it]) => write(type, it)));
        for (let level = 0; level < depth; level += 1) written = nested(level + 1, written);
        let read = new Attributes(written, "top");
        for (let level = depth - 1; level >= 0; level -= 1) {
          const inner = read.nested(level + 1, `level ${level}`);
          if (inner === undefined) throw new Error(`level ${level} is missing`);
          read = inner;
        }
        expect(read.types).toEqual(values.map(([type]) => type));
        for (const [type, it] of values) {
          const found = it.kind === "bytes" ? Buffer.from(read.bytes(type) ?? "none") : read[it.kind](type);
          expect(found).toEqual(it.kind === "bytes" ? Buffer.from(it.value) : it.value);
        }
      }),
    );
  });

  test("with impossible lengths are refused with the field and what was expected", () => {
    const cases: [string, string][] = [
      ["0800", "netlink: RTM_NEWLINK at 0: expected an attribute header, found 2 bytes"],
      ["03000100", "netlink: RTM_NEWLINK attribute 1 at 0: expected a length of 4 to 4, found 3"],
      ["0c00010000000000", "netlink: RTM_NEWLINK attribute 1 at 0: expected a length of 4 to 8, found 12"],
      ["05000100aa0000000400", "netlink: RTM_NEWLINK at 8: expected an attribute header, found 2 bytes"],
    ];
    for (const [source, message] of cases) {
      expect(() => new Attributes(Buffer.from(source, "hex"), "RTM_NEWLINK")).toThrow(message);
    }
  });

  test("of another size than asked for are refused", () => {
    const attributes = new Attributes(joined([u8(1, 1), u32(2, 1)]), "RTM_NEWLINK");
    expect(() => attributes.u32(1)).toThrow("netlink: RTM_NEWLINK attribute 1: expected 4 bytes, found 1");
    expect(() => attributes.u8(2)).toThrow("netlink: RTM_NEWLINK attribute 2: expected 1 bytes, found 4");
    expect(attributes.u32(3)).toBeUndefined();
  });

  test("of any bytes are read or refused, never anything else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (source) => {
        try {
          for (const type of new Attributes(source, "fuzz").types) expect(type).toBeLessThanOrEqual(0x3fff);
        } catch (error) {
          expect(String(error)).toMatch(/^NetlinkFormatError: netlink: fuzz/);
        }
      }),
    );
  });
});

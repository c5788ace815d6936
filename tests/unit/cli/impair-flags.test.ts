import { describe, expect, test } from "vitest";
import { changed } from "../../../net/impair/settings.ts";
import { type ImpairFlags, wishOf } from "../../../src/cli/network/impair-flags.ts";
import { presets } from "../../../src/cli/network/impair-presets.ts";

const out = (flags: ImpairFlags) => wishOf(flags)?.change.out;

describe("the flags of network impair", () => {
  test("mean what tc's do, with their units", () => {
    expect(out({ delay: "50ms", jitter: "800us", loss: "0.5%", duplicate: "2", corrupt: ".1%" })).toEqual({
      delay: 50e6,
      jitter: 800e3,
      loss: 0.005,
      duplicate: 0.02,
      corrupt: 0.001,
    });
    expect(out({ rate: "1.5mbit", burst: "32k", limit: "64kb" })).toEqual({
      rate: 1.5e6,
      burst: 32_768,
      limit: 65_536,
    });
    expect(["512kbit", "10Mbit", "1gbit", "100kibit", "0"].map((rate) => out({ rate })?.rate)).toEqual([
      512e3, 10e6, 1e9, 102_400, 0,
    ]);
    expect(out({ lossGemodel: "1%,25%" })).toEqual({ lossModel: [0.01, 0.25, 1, 0] });
    expect(out({ lossGemodel: "1% 25% 50% 0.1%" })).toEqual({ lossModel: [0.01, 0.25, 0.5, 0.001] });
    expect(out({ lossGemodel: "1%" })).toEqual({ lossModel: [0.01, 0.99, 1, 0] });
    expect(out({ lossGemodel: "0" })).toEqual({ lossModel: null });
    expect(out({ delay: "0", distribution: "uniform" })).toEqual({ delay: 0, distribution: null });
  });

  test("name directions", () => {
    const loss = { loss: 0.01 };
    expect(wishOf({ loss: "1%" })?.change).toEqual({ out: loss });
    expect(wishOf({ loss: "1%", direction: "in" })?.change).toEqual({ in: loss });
    expect(wishOf({ loss: "1%", direction: "both" })?.change).toEqual({ out: loss, in: loss });
    expect(wishOf({ loss: "1%", both: true })?.change).toEqual({ out: loss, in: loss });
  });

  test("that ask for nothing ask to be shown", () => {
    expect(wishOf({})).toBeUndefined();
    expect(wishOf({ if: "eth1", json: true })).toBeUndefined();
    expect(wishOf({ down: true, for: "1m30s" })).toEqual({
      reset: undefined,
      change: {},
      down: true,
      mtu: undefined,
      forMs: 90_000,
    });
    expect(wishOf({ reset: true, up: true, mtu: "1300" })).toMatchObject({
      reset: true,
      down: false,
      mtu: 1300,
    });
  });

  test.each([
    [{ delay: "-5ms" }, /--delay: "-5ms": expected a time/],
    [{ delay: "2h" }, /--delay: "2h": expected a time from 0 to 1h/],
    [{ loss: "-1%" }, /--loss: "-1%": expected a percentage/],
    [{ loss: "1e2%" }, /--loss/],
    [{ loss: "" }, /--loss: ""/],
    [{ rate: "10" }, /--rate: "10": expected bits per second/],
    [{ rate: "1bit" }, /from 1kbit to 100gbit/],
    [{ rate: "1mbit", burst: "5g" }, /--burst: 5g: expected less than 4g/],
    [{ lossGemodel: "1%,1%,1%,1%,1%" }, /at most four/],
    [{ for: "10s" }, /--for: expected what to do/],
    [{ down: true, for: "0" }, /--for: 0: expected more than 0/],
    [{ both: true, direction: "in", loss: "1%" }, /contradict/],
    [{ preset: "toString" }, /--preset: "toString": expected one of/],
  ] as const)("refuse %j", (flags, message) => {
    expect(() => wishOf(flags)).toThrow(message);
  });
});

describe("a preset", () => {
  test.each(Object.keys(presets))(
    "%s makes sense by itself, and gives way to what else is given",
    (preset) => {
      const wish = wishOf({ preset });
      for (const direction of ["in", "out"] as const) {
        const change = wish?.change[direction] ?? {};
        expect(changed({}, change)).toEqual(change);
        expect(change.delay).toBeGreaterThan(0);
      }
      expect(wishOf({ preset, delay: "1s" })?.change.in?.delay).toBe(1e9);
      expect(Object.keys(wishOf({ preset, direction: "in" })?.change ?? {})).toEqual(["in"]);
    },
  );
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { durationMs, parseDuration } from "../../src/core/duration.ts";
import { UsageError } from "../../src/core/errors.ts";
import { parseMoment } from "../../src/core/moment.ts";

describe("durations in Go's notation", () => {
  test.each([
    ["0", 0],
    ["300ms", 300],
    ["1.5s", 1500],
    [".5s", 500],
    ["1h30m", 5_400_000],
    ["2m0.5s", 120_500],
    ["-1m", -60_000],
    ["+1us", 0.001],
    ["1µs", 0.001],
    ["100ns", 0.0001],
  ])("%s", (text, ms) => {
    expect(durationMs(text)).toBeCloseTo(ms, 9);
  });

  test.each(["", "1", "s", "1 s", "1d", "1s1", "--1s", "1.s.", "1e3s"])("%j is none", (text) => {
    expect(durationMs(text)).toBeUndefined();
    expect(() => parseDuration(text, "--x")).toThrow(UsageError);
  });

  test("what Go prints is read back", () => {
    const part = fc.nat(59);
    fc.assert(
      fc.property(fc.nat(1000), part, part, fc.nat(999), (h, m, s, ms) => {
        const text = `${h}h${m}m${s}.${String(ms).padStart(3, "0")}s`;
        expect(durationMs(text)).toBeCloseTo(((h * 60 + m) * 60 + s) * 1000 + ms, 3);
      }),
    );
  });
});

describe("moments", () => {
  const now = Date.parse("2030-01-31T10:00:00Z");
  test.each([
    ["1700000000", 1_700_000_000_000],
    ["1700000000.25", 1_700_000_000_250],
    ["10m", now - 600_000],
    ["2030-01-31T09:00:00Z", now - 3_600_000],
    ["2030-01-31T10:00:00.123456789+01:00", now - 3_600_000 + 123],
    ["2030-01-31T09Z", now - 3_600_000],
    ["2030-01-31T09:30Z", now - 1_800_000],
  ])("%s", (text, ms) => {
    expect(parseMoment(text, "--since", now)).toBe(ms);
  });

  test("without a zone they are local", () => {
    const local = new Date(2030, 0, 31, 7).getTime();
    expect(parseMoment("2030-01-31T07:00:00", "--since", now)).toBe(local);
    expect(parseMoment("2030-01-31", "--since", now)).toBe(new Date(2030, 0, 31).getTime());
  });

  test.each(["", "soon", "2030-13-01", "2030-01-31 10:00", "10 m", "1_000"])("%j is none", (text) => {
    expect(() => parseMoment(text, "--since", now)).toThrow(/^--since: /);
  });
});

import fc from "fast-check";
import { expect, test } from "vitest";
import { isoTime } from "../../src/core/clock.ts";

const last = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

test("is what Date says, at the edges of years, leap days and centuries", () => {
  for (const year of [1970, 1999, 2000, 2001, 2024, 2026, 2099, 2100, 2400, 9999]) {
    for (const [month, day] of [
      [0, 1],
      [1, 28],
      [1, 29],
      [2, 1],
      [11, 31],
    ] as const) {
      for (const ms of [0, 86_399_999]) {
        const moment = Date.UTC(year, month, day) + ms;
        expect(isoTime(moment)).toBe(new Date(moment).toISOString());
      }
    }
  }
});

test("is what Date says at any other moment, and now", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: last }), (moment) => {
      expect(isoTime(moment)).toBe(new Date(moment).toISOString());
    }),
    { numRuns: 5000 },
  );
  expect(Math.abs(Date.parse(isoTime()) - Date.now())).toBeLessThan(60_000);
});

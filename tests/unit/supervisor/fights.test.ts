import { expect, test } from "vitest";
import { Fights } from "../../../src/supervisor/fights.ts";

test("what is undone five times within a minute is left alone, longer each time, until peace is kept", () => {
  const fights = new Fights();
  const five = (from: number) => [0, 1, 2, 3, 4].map((at) => fights.mended("x", from + at * 1000));
  expect(five(0)).toEqual([undefined, undefined, undefined, undefined, 60_000]);
  expect(fights.rests("x", 63_999)).toBe(true);
  expect(fights.rests("x", 64_000)).toBe(false);
  expect(fights.rests("y", 5000)).toBe(false);
  expect(five(70_000).at(-1)).toBe(120_000);
  expect(five(300_000).at(-1)).toBe(240_000);
  const later = 304_000 + 240_000 + 960_001;
  expect(five(later).at(-1)).toBe(60_000);
});

test("what is mended now and then is no fight", () => {
  const fights = new Fights();
  for (let at = 0; at < 20; at += 1) expect(fights.mended("x", at * 15_001)).toBeUndefined();
});

import { describe, expect, test } from "vitest";
import { dutyCycle, quantile, sharesOf, throttledFor, weightOfNice } from "../../../src/lab/sched/formula.ts";
import { parseCpus } from "../../../src/lab/sched/workbench.ts";

describe("the kernel's formulas", () => {
  test("a share is a weight by the sum of weights", () => {
    expect(sharesOf([1024, 512, 512])).toEqual([0.5, 0.25, 0.25]);
    expect(sharesOf([39, 20])[0]).toBeCloseTo(0.661, 3);
    expect(sharesOf([7])).toEqual([1]);
  });

  test("niceness: the table's ends and middle, and a factor of 1.25 from step to step", () => {
    expect([-20, 0, 5, 19].map(weightOfNice)).toEqual([88761, 1024, 335, 15]);
    for (let nice = -20; nice < 19; nice += 1) {
      const step = weightOfNice(nice) / weightOfNice(nice + 1);
      // Small weights are rounded to whole numbers.
      expect(step, `from ${nice}`).toBeGreaterThan(1.17);
      expect(step, `from ${nice}`).toBeLessThan(1.3);
    }
    expect(() => weightOfNice(20)).toThrow(/-20 to 19/);
  });

  test("a quota: what it runs, and how long it waits", () => {
    expect(dutyCycle(20, 100)).toBe(0.2);
    expect(dutyCycle(200, 100)).toBe(1);
    expect(throttledFor(20, 100)).toBe(80);
    expect(throttledFor(200, 100)).toBe(0);
  });

  test("quantiles are values that are there", () => {
    expect([0, 0.5, 0.99, 1].map((part) => quantile([4, 1, 3, 2], part))).toEqual([1, 3, 4, 4]);
    expect(quantile([], 0.5)).toBeNaN();
  });
});

test("a list of CPUs", () => {
  expect(parseCpus("0-2,5\n")).toEqual([0, 1, 2, 5]);
  expect(parseCpus("3")).toEqual([3]);
  expect(parseCpus("")).toEqual([]);
});

import { describe, expect, test } from "vitest";
import type { Plot } from "../../../src/lab/sched/finding.ts";
import type { Result } from "../../../src/lab/sched/run.ts";
import { columnOf, topOf } from "../../../src/lab/sched/scale.ts";
import { svgOf } from "../../../src/lab/sched/svg-plot.ts";
import { textPlot } from "../../../src/lab/sched/text-plot.ts";

const plot: Plot = {
  title: "part of the CPU",
  unit: "%",
  seconds: 2,
  series: [
    { label: "one", values: [1, 1, 1, 1], expected: 0.5 },
    { label: "<other>", values: [0, 0, 0, Number.NaN] },
  ],
};

function result(plots: readonly Plot[]): Result {
  return {
    ...{ name: "weights", title: "two", lesson: "weights", driver: "v1", attempts: 1 },
    ...{ plots, notes: [], findings: [] },
  };
}

describe("the axis", () => {
  test("ends with a round number above everything, of per cent with 100", () => {
    expect(topOf(plot)).toBe(100);
    const of = (unit: string, values: number[]): number =>
      topOf({ ...plot, unit, series: [{ label: "one", values }] });
    expect(of("%", [1.9])).toBe(200);
    expect(of("MiB", [15.5, 12])).toBe(20);
    expect(of("ms", [0.02])).toBe(1);
    expect(of("", [])).toBe(1);
  });

  test("a column is the mean of what falls into it, of many values or few", () => {
    expect([0, 1].map((at) => columnOf([1, 3, 5, 7], at, 2))).toEqual([2, 6]);
    expect([0, 1, 2, 3].map((at) => columnOf([1, 2], at, 4))).toEqual([1, 1, 2, 2]);
  });
});

test("a terminal's plot: each series at its height, the expectation dashed, no value no mark", () => {
  expect(textPlot(plot, 26, false)).toBe(
    [
      "part of the CPU",
      "100% |oooooooooooooooooooo",
      "     |",
      "     |",
      "     |--------------------",
      " 50% |",
      "     |",
      "     |",
      "   0 |xxxxxxxxxxxxxxx",
      "     +--------------------",
      "      0              2.0 s",
      "      o one   x <other>   -- expected",
      "",
    ].join("\n"),
  );
});

test("an SVG document: a line a series without gaps in its numbers, a dashed one where it is expected, no markup of labels", () => {
  const svg = svgOf([result([plot, plot])]);
  expect(svg).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg"/);
  expect(svg.match(/<polyline/g)).toHaveLength(4);
  expect(svg.match(/stroke-dasharray/g)).toHaveLength(2);
  expect(svg).toContain("&lt;other&gt;");
  expect(svg).not.toMatch(/NaN|undefined|Infinity|<other>/);
  expect(svg.match(/<g /g)?.length).toBe(svg.match(/<\/g>/g)?.length);
  expect(svgOf([])).toMatch(/<\/svg>\n$/);
});

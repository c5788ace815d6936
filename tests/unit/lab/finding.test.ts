import { describe, expect, test } from "vitest";
import { exitCodeOf, type Finding, holds, verdictOn } from "../../../src/lab/sched/finding.ts";

function finding(measured: number, more: Partial<Finding> = {}): Finding {
  return { what: "share", expected: 50, tolerance: 5, measured, unit: "%", formula: "1 / 2", ...more };
}

describe("a verdict", () => {
  test("holds within the tolerance, at its edge too, and not beyond", () => {
    expect([45, 50, 55].map((one) => holds(finding(one)))).toEqual([true, true, true]);
    expect([44.9, 55.1, Number.NaN].map((one) => holds(finding(one)))).toEqual([false, false, false]);
  });

  test("a bound instead of a value", () => {
    const bound = { expected: undefined, tolerance: undefined, atMost: 20, atLeast: 10 };
    expect([9, 10, 20, 21].map((one) => holds(finding(one, bound)))).toEqual([false, true, true, false]);
  });

  test("what differs in each attempt, with nothing in the way, differs", () => {
    expect(verdictOn([[finding(80)], [finding(81)], [finding(79)]], 0)).toBe("differs");
  });

  test("what held once, or was disturbed once, is unsteady", () => {
    expect(verdictOn([[finding(50)], [finding(81)]], 0)).toBe("unsteady");
    expect(verdictOn([[finding(80, { disturbed: true })], [finding(81)]], 0)).toBe("unsteady");
  });

  test("the last attempt counts when it holds", () => {
    expect(verdictOn([[finding(80)], [finding(50, { disturbed: true })]], 0)).toBe("holds");
  });
});

test("the exit code: what differs counts more than what is unsteady", () => {
  expect(exitCodeOf(["holds", "holds"])).toBe(0);
  expect(exitCodeOf(["holds", "unsteady"])).toBe(4);
  expect(exitCodeOf(["unsteady", "differs", "holds"])).toBe(3);
});

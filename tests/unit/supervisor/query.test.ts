import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { UsageError } from "../../../src/core/errors.ts";
import { filtersOf, flagOf, integerOf, momentOf, textOf } from "../../../src/supervisor/http/query.ts";

const known = ["id", "label", "name"];
const names = fc.constantFrom(...known);

describe("a query", () => {
  test("has switches as docker reads them", () => {
    for (const no of ["", "0", "no", "false", "none", "False", " 0 "])
      expect(flagOf({ x: no }, "x")).toBe(false);
    for (const yes of ["1", "true", "True", "yes", "t"]) expect(flagOf({ x: yes }, "x")).toBe(true);
    expect(flagOf({}, "x")).toBe(false);
    expect(flagOf({}, "x", true)).toBe(true);
    expect(flagOf({ x: ["1", "0"] }, "x", true)).toBe(false);
  });

  test("has the last of values that are given twice", () => {
    expect(textOf({ x: ["a", "b"] }, "x")).toBe("b");
    expect(textOf({ x: "" }, "x")).toBeUndefined();
  });

  test("has whole numbers, or is refused", () => {
    fc.assert(
      fc.property(fc.integer(), (number) => {
        expect(integerOf({ t: String(number) }, "t")).toBe(number);
      }),
    );
    for (const text of ["1.5", "1e3", "0x10", "ten", "9".repeat(30)])
      expect(() => integerOf({ t: text }, "t")).toThrow(UsageError);
  });

  test("has moments to the nanosecond", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 20n }), (nanoseconds) => {
        const text = `${nanoseconds / 10n ** 9n}.${String(nanoseconds % 10n ** 9n).padStart(9, "0")}`;
        expect(momentOf({ since: text }, "since")).toBe(nanoseconds);
      }),
    );
    expect(momentOf({ since: "1.5" }, "since")).toBe(1_500_000_000n);
    expect(momentOf({ since: "1970-01-01T00:00:02Z" }, "since")).toBe(2_000_000_000n);
    expect(() => momentOf({ since: "yesterday" }, "since")).toThrow("expected seconds since 1970");
  });

  test("has filters in the new form and the old", () => {
    fc.assert(
      fc.property(
        fc.dictionary(names, fc.uniqueArray(fc.oneof(fc.string(), fc.constant("__proto__")))),
        (filters) => {
          const older = Object.fromEntries(
            Object.entries(filters).map(([name, values]) => [
              name,
              Object.fromEntries(values.map((value) => [value, true])),
            ]),
          );
          expect(filtersOf({ filters: JSON.stringify(filters) }, known)).toEqual(
            new Map(Object.entries(filters)),
          );
          const found = filtersOf({ filters: JSON.stringify(older) }, known);
          // JSON has no order of names.
          for (const [name, values] of Object.entries(filters))
            expect([...(found.get(name) ?? [])].sort()).toEqual([...values].sort());
        },
      ),
    );
  });

  test("with any other filters is refused, and never anything else", () => {
    const refusedOrMap = (text: string): void => {
      try {
        expect(filtersOf({ filters: text }, known)).toBeInstanceOf(Map);
      } catch (error) {
        expect(error).toBeInstanceOf(UsageError);
      }
    };
    fc.assert(fc.property(fc.string(), refusedOrMap));
    fc.assert(fc.property(fc.json(), refusedOrMap));
    expect(() => filtersOf({ filters: '{"nmae":["x"]}' }, known)).toThrow("invalid filter 'nmae'");
  });
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DetachKeys, defaultDetachKeys, parseDetachKeys } from "../../../src/core/detach-keys.ts";
import { UsageError } from "../../../src/core/errors.ts";

describe("detach keys", () => {
  test("are parsed as docker does", () => {
    expect([...parseDetachKeys(defaultDetachKeys)]).toEqual([16, 17]);
    expect([...parseDetachKeys("a,ctrl-@,ctrl-_,CTRL-A,ctrl-[")]).toEqual([97, 0, 31, 1, 27]);
    for (const text of ["", "ab", "ctrl-", "ctrl-1", "a,,b", "ä"])
      expect(() => parseDetachKeys(text)).toThrow(UsageError);
  });

  /** Types in pieces; what arrived, and whether it was left. */
  function typed(
    keys: Buffer,
    pieces: readonly Uint8Array[],
  ): { readonly passed: Buffer; readonly detached: boolean } {
    const scanner = new DetachKeys(keys);
    const passed: Buffer[] = [];
    for (const piece of pieces) {
      const { pass, detached } = scanner.take(Buffer.from(piece));
      passed.push(pass);
      if (detached) return { passed: Buffer.concat(passed), detached: true };
    }
    return { passed: Buffer.concat(passed), detached: false };
  }

  test("are found in whatever pieces they come, and nothing before them is lost", () => {
    const keys = parseDetachKeys("ctrl-p,ctrl-q");
    const plain = fc.uint8Array({ min: 32, max: 126 });
    fc.assert(
      fc.property(plain, plain, fc.array(fc.integer({ min: 1, max: 5 })), (before, after, cuts) => {
        const all = Buffer.concat([before, keys, after]);
        const pieces: Buffer[] = [];
        let at = 0;
        for (const cut of cuts) {
          pieces.push(all.subarray(at, at + cut));
          at += cut;
        }
        pieces.push(all.subarray(at));
        expect(typed(keys, pieces)).toEqual({ passed: Buffer.from(before), detached: true });
      }),
    );
  });

  test("that are only begun are passed on with what follows", () => {
    const keys = parseDetachKeys("ctrl-p,ctrl-q");
    expect(typed(keys, [Buffer.from([16]), Buffer.from([16]), Buffer.from("x")])).toEqual({
      passed: Buffer.from([16, 16, 120]),
      detached: false,
    });
  });
});

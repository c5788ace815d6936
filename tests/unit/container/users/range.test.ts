import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  collectIds,
  leaseIds,
  nextFree,
  peekIds,
  rangesFor,
  releaseIds,
} from "../../../../src/container/users/range.ts";
import type { IdMap } from "../../../../src/core/id-ranges.ts";
import { ourselves } from "../../../../src/sys/process.ts";

test("ranges come from mdocker's lines, else from those of containers, else from the default", () => {
  const text = "alice:100000:65536\ncontainers:200000:131072\n";
  expect(rangesFor(`${text}mdocker:7000000:65536\n`, `${text}mdocker:8000000:65536\n`)).toEqual({
    users: [{ first: 7_000_000, count: 65_536 }],
    groups: [{ first: 8_000_000, count: 65_536 }],
  });
  expect(rangesFor(text, text).users).toEqual([{ first: 200_000, count: 131_072 }]);
  expect(rangesFor("", text).users).toEqual([{ first: 1_000_000_000, count: 268_435_456 }]);
});

test("a range lies beside those that are taken, wherever they begin, and there may be none left", () => {
  const ranges = rangesFor("mdocker:100000:200000", "mdocker:100000:200000");
  expect(nextFree(ranges, [])).toEqual({ uid: 100_000, gid: 100_000, size: 65_536 });
  const odd: IdMap = { uid: 120_000, gid: 1, size: 10 };
  expect(nextFree(ranges, [odd])).toEqual({ uid: 120_010, gid: 100_000, size: 65_536 });
  expect(nextFree(ranges, [odd, { uid: 180_000, gid: 1, size: 120_000 }])).toBeUndefined();
});

test("fifty at once overlap nowhere; what is given back, or was of the dead, is free", () => {
  const state = mkdtempSync(join(tmpdir(), "mdocker-users-"));
  try {
    const instance = { root: state, state, prefix: "t" } as Parameters<typeof leaseIds>[0];
    const taken = Array.from({ length: 50 }, (_, i) => leaseIds(instance, `c${i}`, "auto", ourselves()));
    expect(new Set(taken.map(({ uid }) => uid)).size).toBe(50);
    for (const [i, one] of taken.entries())
      for (const other of taken.slice(i + 1))
        expect(Math.abs(one.uid - other.uid)).toBeGreaterThanOrEqual(65_536);
    releaseIds(instance, "c7");
    expect(leaseIds(instance, "again", "auto", { pid: 2 ** 22 + 1, startTime: "1" })).toEqual(taken[7]);
    // Only looked at, it stays free.
    expect(peekIds(instance, "auto")).toEqual(taken[7]);
    expect(collectIds(instance)).toEqual(["removed the lease of ids of container again"]);
    expect(collectIds(instance)).toEqual([]);
    expect(leaseIds(instance, "after", "auto", ourselves())).toEqual(taken[7]);
  } finally {
    rmSync(state, { recursive: true });
  }
});

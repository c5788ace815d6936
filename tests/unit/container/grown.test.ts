import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { grownMost } from "../../../src/container/grown.ts";

test("the process that has grown most is named, new ones by all they have, and none when none has grown", () => {
  const [own, parent] = [process.pid, process.ppid];
  const name = (pid: number): string => readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  const before = new Map([
    [own, 1000],
    [parent, 9000],
  ]);
  expect(grownMost(before, new Map([...before, [own, 5000]]))).toEqual({
    ...{ pid: own, name: name(own), resident: 5000 },
  });
  expect(grownMost(new Map([[own, 1000]]), before)).toMatchObject({ pid: parent, resident: 9000 });
  expect(grownMost(before, before)).toBeUndefined();
  expect(grownMost(before, new Map())).toBeUndefined();
});

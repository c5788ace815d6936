import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const home = join(import.meta.dirname, "../..");

test("the tests that docs/attacks.md names are there, two for each attack", () => {
  const text = readFileSync(join(home, "docs/attacks.md"), "utf8");
  const rows = text.split("\n").filter((line) => line.startsWith("| ") && !line.startsWith("| attack"));
  expect(rows.length).toBeGreaterThan(12);
  for (const row of rows) {
    const files = [...row.matchAll(/`(tests\/[^`]+)`/g)].map(([, file = ""]) => file);
    expect([row, files.length]).toEqual([row, 2]);
    for (const file of files) expect([file, existsSync(join(home, file))]).toEqual([file, true]);
  }
});

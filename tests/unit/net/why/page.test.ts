import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { faults } from "../../../../net/why/faults.ts";
import { whyPage } from "../../../../scripts/docs/why.ts";

const home = join(import.meta.dirname, "../../../..");

test("docs/why.md is what the list of faults says now: node scripts/run.mjs scripts/docs/main.ts", () => {
  expect(readFileSync(join(home, "docs/why.md"), "utf8")).toBe(whyPage());
});

test("every fault is made for real in some root test", () => {
  const folder = join(home, "tests/root/net/why");
  const text = readdirSync(folder)
    .map((file) => readFileSync(join(folder, file), "utf8"))
    .join("\n");
  expect(Object.keys(faults).filter((id) => !text.includes(`"${id}"`))).toEqual([]);
});

import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { runSuites, type Suite, type SuiteResult } from "../harness/machine.ts";

// Root suites are written for any host. Those that say `// @vm` in a line of their own are run a second time here, each
// in a machine with nothing but cgroup v2 (`// @vm lsm=selinux`: whose kernel has these parameters): on a hybrid host the only place where the v2 driver meets a real kernel.

const home = join(import.meta.dirname, "../..");
const marker = /^\/\/ @vm(?: (.+))?$/m;

const suites = readdirSync(join(home, "tests/root"), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith(".test.ts"))
  .map((entry) => relative(home, join(entry.parentPath, entry.name)))
  .flatMap((suite): Suite[] => {
    const marked = marker.exec(readFileSync(join(home, suite), "utf8"));
    return marked === null ? [] : [{ suite, parameters: marked[1] }];
  })
  .sort((one, other) => Number(other.suite.includes("cgroup")) - Number(one.suite.includes("cgroup")));

let results: ReadonlyMap<string, Promise<SuiteResult>> = new Map();

describe("root suites in a machine with cgroup v2 alone", () => {
  beforeAll(() => {
    results = runSuites(suites);
  });

  test("there are suites to run", () => {
    expect(suites).not.toEqual([]);
  });

  // All have been started before; the limit is for those that wait for a processor.
  test.each(suites)(
    "$suite",
    async ({ suite }) => {
      const result = await results.get(suite);
      expect(result?.failures).toEqual([]);
      expect(result?.passed).toBeGreaterThan(0);
    },
    1_200_000,
  );
});

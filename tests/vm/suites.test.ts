import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

// Root suites are written for any host. Those that say `// @vm` in a line of their own are run a second time here, in a
// machine with nothing but cgroup v2: on a hybrid host that is the only place where the v2 driver meets a real kernel.

const home = join(import.meta.dirname, "../..");
const marker = /^\/\/ @vm$/m;

const suites = readdirSync(join(home, "tests/root"), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith(".test.ts"))
  .map((entry) => relative(home, join(entry.parentPath, entry.name)))
  .filter((file) => marker.test(readFileSync(join(home, file), "utf8")))
  .sort((one, other) => Number(other.includes("cgroup")) - Number(one.includes("cgroup")));

/** The part of vitest's JSON report that is read. */
interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly message?: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages?: readonly string[];
    }[];
  }[];
}

/** Starts the machine, runs `command` in it and returns all it printed, with the exit code in the last line. */
function inMachine(folder: string, command: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    execFile(
      join(home, "scripts/vm/vm-run"),
      [
        ...["--timeout", "1200", "--rw", folder, "--cwd", home, "--env", "CI=true"],
        // Upper layers of an overlay cannot live on the machine's own root, which is one.
        ...["--scratch", "/var/lib", "--scratch", "/var/tmp", "--", ...command],
      ],
      { maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => resolve(`${stdout}${stderr}\nexit code ${error?.code ?? 0}`),
    );
  });
}

const folder = mkdtempSync(join(tmpdir(), "mdocker-vm-"));
let output = "";
let report: Report | undefined;

describe("root suites in a machine with cgroup v2 alone", () => {
  beforeAll(async () => {
    output = await inMachine(folder, [
      ...["npx", "vitest", "run", "--project", "root"],
      ...["--reporter=default", "--reporter=json", `--outputFile.json=${folder}/report.json`, ...suites],
    ]);
    try {
      report = JSON.parse(readFileSync(join(folder, "report.json"), "utf8")) as Report;
    } catch {
      report = undefined;
    }
  }, 1_300_000);

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("there are suites to run", () => {
    expect(suites).not.toEqual([]);
  });

  test("the machine ran them and brought a report back", () => {
    expect(report, output).toBeDefined();
  });

  test.each(suites)("%s", (suite) => {
    const result = report?.testResults.find(({ name }) => name === join(home, suite));
    expect(result, output).toBeDefined();
    const results = result?.assertionResults ?? [];
    expect(results.length, result?.message ?? output).toBeGreaterThan(0);
    const failures = results
      .filter(({ status }) => status !== "passed")
      .map(({ fullName, status, failureMessages = [] }) =>
        [`${fullName}: ${status}`, ...failureMessages].join("\n"),
      );
    expect(failures).toEqual([]);
  });
});

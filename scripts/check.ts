import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { home } from "../src/core/home.ts";

/**
 * `make check`: every check in turn, none stops the others, except that without a build the tests cannot run. A static
 * check counts as one; tests are counted from vitest's own report. Ends with one line `N passed, N failed`.
 */
interface Tally {
  readonly passed: number;
  readonly failed: number;
  /** One line each. */
  readonly failures: readonly string[];
}

/** The part of vitest's JSON report that is read. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message?: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages?: readonly string[];
    }[];
  }[];
}

const reports = mkdtempSync(join(tmpdir(), "mdocker-check-"));
process.on("exit", () => rmSync(reports, { recursive: true, force: true }));

function run(command: readonly string[]): number {
  const [program = "", ...args] = command;
  const { status, error } = spawnSync(program, args, { cwd: home, stdio: ["ignore", "inherit", "inherit"] });
  if (error !== undefined) console.log(`${program}: ${error.message}`);
  return status ?? 1;
}

function staticCheck(name: string, command: readonly string[]): Tally {
  console.log(`\n== ${name}: ${command.join(" ")}`);
  return run(command) === 0
    ? { passed: 1, failed: 0, failures: [] }
    : { passed: 0, failed: 1, failures: [name] };
}

function readReport(path: string): Report | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Report;
  } catch {
    return undefined;
  }
}

/** The beginning of what went wrong, for who sees the last lines of a log only. */
function why(messages: readonly string[] = []): string {
  const lines = messages.join("\n").split("\n").slice(0, 3);
  return lines.map((line) => `\n      ${line.slice(0, 300)}`).join("");
}

function tests(project: string): Tally {
  console.log(`\n== ${project} tests`);
  const path = join(reports, `${project}.json`);
  const code = run([
    ...["npx", "vitest", "run", "--project", project],
    ...["--reporter=default", "--reporter=json", `--outputFile.json=${path}`],
  ]);
  const report = readReport(path);
  if (report === undefined) return { passed: 0, failed: 1, failures: [`${project}: vitest made no report`] };
  const failures = report.testResults.flatMap((file) => {
    const failed = file.assertionResults.filter(({ status }) => status === "failed");
    // A file that cannot even be loaded has no tests that could fail.
    if (failed.length === 0 && file.status === "failed") return [`${file.name}: ${file.message ?? "failed"}`];
    return failed.map((test) => `${file.name}: ${test.fullName}${why(test.failureMessages)}`);
  });
  // Errors outside of any test, or no tests at all.
  if (failures.length === 0 && code !== 0) failures.push(`${project}: vitest ended with ${code}`);
  const others = report.testResults.flatMap((file) => file.assertionResults);
  for (const { status, fullName } of others) {
    if (status === "pending" || status === "skipped" || status === "todo") {
      failures.push(`${project}: ${fullName}: was not run (${status})`);
    }
  }
  return { passed: report.numPassedTests, failed: failures.length, failures };
}

/** The files in scripts/, scripts/vm/ and .ci/ that say they are shell scripts. */
function shellScripts(): string[] {
  return ["scripts", "scripts/vm", ".ci", "bin"].flatMap((folder) =>
    readdirSync(join(home, folder), { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(folder, entry.name))
      .filter((file) => /^#!\/bin\/(ba)?sh/.test(readFileSync(join(home, file), "utf8"))),
  );
}

const build = staticCheck("build", ["node", "scripts/build.mjs"]);
const tallies: Tally[] = [
  build,
  staticCheck("types", ["npx", "tsc"]),
  staticCheck("style and borders", ["npx", "biome", "ci", "."]),
  staticCheck("dead code", ["npx", "knip"]),
  staticCheck("shell scripts", ["shellcheck", "--severity=warning", ...shellScripts()]),
  tests("unit"),
];
if (build.failed === 0) {
  tallies.push(tests("root"));
  // Without a machine the vm tests themselves say why they fail.
  run(["scripts/vm/ensure-kernel"]);
  tallies.push(tests("vm"));
}

const failures = tallies.flatMap((tally) => tally.failures);
if (failures.length > 0) console.log(`\nfailed:\n${failures.map((line) => `  ${line}`).join("\n")}`);
const passed = tallies.reduce((sum, tally) => sum + tally.passed, 0);
console.log(`${passed} passed, ${failures.length} failed`);
process.exitCode = failures.length === 0 ? 0 : 1;

import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { home } from "../../src/core/home.ts";

/** The part of vitest's JSON report that is read. */
interface Report {
  readonly testResults: readonly {
    readonly message?: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages?: readonly string[];
    }[];
  }[];
}

/** A file of tests, and parameters for the kernel that it wants. */
export interface Suite {
  readonly suite: string;
  readonly parameters?: string | undefined;
}

/** How a suite went in a machine of its own. */
export interface SuiteResult {
  readonly passed: number;
  /** One text for each test that did not pass, with its name and reason; or why there was no result at all. */
  readonly failures: readonly string[];
}

/** For each suite: far more than any needs, so that only what hangs meets it. */
const seconds = 900;
/** Each has memory of its own. */
const mostMachines = 4;

/** The processors this process may use, from /proc/self/status: `0-1`, `0,2-3`. */
export function allowedProcessors(status: string = readFileSync("/proc/self/status", "utf8")): number[] {
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1] ?? "0";
  return list.split(",").flatMap((range) => {
    const [first = 0, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, at) => first + at);
  });
}

/** Runs `vitest --project root SUITE` in a throw-away machine bound to one processor; what it prints, and its report. */
async function runSuite({ suite, parameters }: Suite, processor: number): Promise<SuiteResult> {
  const folder = mkdtempSync(join(tmpdir(), "mdocker-vm-"));
  try {
    const output = await new Promise<string>((resolve) => {
      execFile(
        join(home, "scripts/vm/vm-run"),
        [
          ...(parameters === undefined ? [] : ["--append", parameters]),
          ...["--timeout", String(seconds), "--rw", folder, "--cwd", home, "--env", "CI=true"],
          // Upper layers of an overlay cannot live on the machine's own root, which is one.
          ...["--scratch", "/var/lib", "--scratch", "/var/tmp", "--"],
          // Not by npx, which takes seconds there.
          ...[join(home, "node_modules/.bin/vitest"), "run", "--project", "root", suite],
          ...["--reporter=default", "--reporter=json", `--outputFile.json=${folder}/report.json`],
        ],
        { maxBuffer: 64 * 1024 * 1024, env: { ...process.env, VMRUN_PIN: String(processor) } },
        (error, stdout, stderr) => resolve(`${stdout}${stderr}\nexit code ${error?.code ?? 0}`),
      );
    });
    let report: Report;
    try {
      report = JSON.parse(readFileSync(join(folder, "report.json"), "utf8")) as Report;
    } catch {
      return { passed: 0, failures: [`the machine brought no report back:\n${output}`] };
    }
    const results = report.testResults.flatMap(({ assertionResults }) => assertionResults);
    const failures = results
      .filter(({ status }) => status !== "passed")
      .map(({ fullName, status, failureMessages = [] }) =>
        [`${fullName}: ${status}`, ...failureMessages].join("\n"),
      );
    const passed = results.length - failures.length;
    return { passed, failures: passed + failures.length === 0 ? [`no test was run:\n${output}`] : failures };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Starts every suite in a machine of its own, as many at a time as there are processors; a promise for each. */
export function runSuites(suites: readonly Suite[]): ReadonlyMap<string, Promise<SuiteResult>> {
  const idle = allowedProcessors().slice(0, mostMachines);
  const waiting: ((processor: number) => void)[] = [];
  const take = () =>
    new Promise<number>((resolve) => {
      const processor = idle.shift();
      if (processor === undefined) waiting.push(resolve);
      else resolve(processor);
    });
  const giveBack = (processor: number) => {
    const next = waiting.shift();
    if (next === undefined) idle.push(processor);
    else next(processor);
  };
  return new Map(
    suites.map((suite) => [
      suite.suite,
      take().then((processor) => runSuite(suite, processor).finally(() => giveBack(processor))),
    ]),
  );
}

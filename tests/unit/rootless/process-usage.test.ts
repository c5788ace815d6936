import { expect, test } from "vitest";
import { cpuOf, usageOfProcesses } from "../../../src/container/process-usage.ts";

test("cpu time is that of the process and of its children, whatever it is called", () => {
  const stat = "7 (a) R (b)) S 1 7 7 0 -1 4194560 100 0 0 0 3 4 10 20 20 0 1 0 1000 5000 200";
  expect(cpuOf(stat)).toEqual({ user: 130_000, system: 240_000 });
});

test("what processes use is added up; those that have gone do not count", () => {
  const usage = usageOfProcesses([process.pid, 2 ** 22 + 1]);
  expect(usage.pids?.current).toBeGreaterThan(0);
  expect(usage.memory?.current).toBeGreaterThan(1024 * 1024);
  expect(usage.cpu?.usage).toBeGreaterThan(0);
  expect(usageOfProcesses([])).toMatchObject({ pids: { current: 0 }, memory: { current: 0 } });
});

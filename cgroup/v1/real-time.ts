import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { hasErrno } from "../../src/core/errors.ts";
import { join } from "../../src/core/join.ts";
import { CannotEnforceError } from "../cannot-enforce.ts";

function numberIn(directory: string, file: string): number {
  return Number(readFileSync(join(directory, file), "utf8"));
}

/** Of the CPUs' time the part that real-time processes of a cgroup may have: 0.95 of the host, 0 of a new one. */
function budgetOf(directory: string): number {
  try {
    const runtime = numberIn(directory, "cpu.rt_runtime_us");
    return runtime < 0 ? 1 : runtime / numberIn(directory, "cpu.rt_period_us");
  } catch (error) {
    // Its container has just ended.
    if (hasErrno(error, "ENOENT", "ENODEV")) return 0;
    throw error;
  }
}

/**
 * Raises the real-time budget of `parent` to what its children have with `wanted` (a part of the time) for `child`: a
 * cgroup is given no more than the one above it has left, and a new one has nothing (Documentation/scheduler/sched-rt-group.rst).
 * The budget goes with the cgroup, when its last container ends.
 * @throws CannotEnforceError when the host has not that much left, or a kernel without such budgets.
 */
export function grantRealTime(parent: string, child: string, wanted: number): void {
  if (!existsSync(join(parent, "cpu.rt_runtime_us"))) {
    const why = "the kernel is built without CONFIG_RT_GROUP_SCHED";
    throw new CannotEnforceError("--cpu-rt-runtime", why);
  }
  const period = numberIn(parent, "cpu.rt_period_us");
  const others = readdirSync(parent, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== child)
    .map(({ name }) => budgetOf(join(parent, name)));
  const needed = others.reduce((sum, one) => sum + one, wanted);
  if (budgetOf(parent) >= needed) return;
  // A microsecond more: what is divided by periods is rounded.
  const value = String(Math.ceil(needed * period) + 1);
  try {
    writeFileSync(join(parent, "cpu.rt_runtime_us"), value, { flag: "r+" });
  } catch (error) {
    const why = `write ${value} to ${join(parent, "cpu.rt_runtime_us")}: the host has not that much real-time CPU time left`;
    throw new CannotEnforceError("--cpu-rt-runtime", why, { cause: error });
  }
}

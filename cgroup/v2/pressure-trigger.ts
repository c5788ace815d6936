import { closeSync, constants, openSync, writeSync } from "node:fs";
import { hasErrno } from "../../src/core/errors.ts";
import { watchPriority } from "../../src/sys/readiness.ts";
import { readFileIfAny } from "../processes.ts";

/** Microseconds of waiting in one second that are told: 15 percent, as Documentation/accounting/psi.rst has it. */
const trigger = { stall: 150_000, window: 1_000_000 } as const;

/**
 * Has the kernel tell of waiting: `some` process, or every one (`full`), for 150 ms within a second; at most once a second
 * (Documentation/accounting/psi.rst, "Monitoring for pressure thresholds"). The answer ends it; undefined where the kernel
 * does not measure.
 */
export function watchPressureFile(
  file: string,
  kind: "some" | "full",
  told: () => void,
): (() => void) | undefined {
  let fd: number;
  try {
    fd = openSync(file, constants.O_RDWR | constants.O_NONBLOCK);
  } catch (error) {
    // EOPNOTSUPP: built in, but off.
    if (hasErrno(error, "ENOENT", "ENODEV", "EOPNOTSUPP")) return undefined;
    throw error;
  }
  let unwatch: (() => void) | undefined;
  const end = (): void => {
    if (unwatch === undefined) return;
    unwatch();
    unwatch = undefined;
    closeSync(fd);
  };
  try {
    // The kernel wants the zero byte at its end.
    writeSync(fd, `${kind} ${trigger.stall} ${trigger.window}\0`);
    unwatch = watchPriority(fd, () => {
      // A cgroup that is removed wakes who waits, again and again.
      if (readFileIfAny(file) === undefined) end();
      else told();
    });
  } catch (error) {
    closeSync(fd);
    // Before Linux 5.13 nobody counts when all wait for a CPU.
    if (hasErrno(error, "EINVAL")) return undefined;
    throw error;
  }
  return end;
}

import { hasErrno } from "../src/core/errors.ts";
import { join } from "../src/core/join.ts";
import { formatBytes } from "../src/core/units.ts";
import { CannotEnforceError } from "./cannot-enforce.ts";
import { countIn } from "./count.ts";
import { keyed } from "./keyed.ts";
import { readFileIfAny } from "./processes.ts";
import { writeValues } from "./write-values.ts";

/** Has the kernel take so much back; false where it cannot be asked to (memory.reclaim, Linux 5.19). */
function reclaim(directory: string, bytes: number): boolean {
  try {
    writeValues(join(directory, "memory.reclaim"), [String(bytes)]);
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return false;
    // It has taken what it could.
    if (!hasErrno(error, "EAGAIN")) throw error;
  }
  return true;
}

/**
 * v2: makes room for a memory.max that is less than what is in use. Version 1 refuses such a limit when it cannot take
 * enough back; version 2 takes it, and kills until it holds (cgroup-v2.rst, "memory.max").
 * @throws CannotEnforceError when too much stays in use.
 */
export function makeRoom(directory: string, limit: number): void {
  const usage = (): number => countIn(readFileIfAny(join(directory, "memory.current"))) ?? 0;
  const before = usage();
  if (before <= limit) return;
  // Where the kernel cannot be asked, what can be dropped is guessed: what is cached of files.
  const spared = reclaim(directory, before - limit)
    ? 0
    : (keyed(readFileIfAny(join(directory, "memory.stat")), "file") ?? 0);
  const left = usage() - spared;
  if (left <= limit) return;
  throw new CannotEnforceError(
    "--memory",
    `${formatBytes(left)} are in use and cannot be taken back: with ${formatBytes(limit)} the kernel would kill a process`,
  );
}

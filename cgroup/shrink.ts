import { hasErrno, SetupError } from "../src/core/errors.ts";
import { join } from "../src/core/join.ts";
import { formatBytes } from "../src/core/units.ts";
import { CannotEnforceError } from "./cannot-enforce.ts";
import { countIn } from "./count.ts";
import { freeze, isFrozen, thaw } from "./freeze.ts";
import type { V2Host } from "./host.ts";
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
function makeRoom(directory: string, limit: number): void {
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

/** So long it is waited for processes that hang in the kernel, on a slow disk for instance. */
const patienceMs = 2_000;

/**
 * v2: does `act`, which lowers memory.max, while no process of the container runs: none can grow between the look at what
 * is in use and the write. One that is paused stays so. Where a process hangs in the kernel, and might wake up at any
 * moment, that is done only if half of the limit is free.
 * @throws CannotEnforceError when it does not stand still, or too much is in use; what `act` throws.
 */
export function shrinkTo(host: V2Host, path: string, limit: number, act: () => void): void {
  const directory = join(host.root, path);
  const most = countIn(readFileIfAny(join(directory, "memory.max"))) ?? Number.POSITIVE_INFINITY;
  if (limit >= most) {
    act();
    return;
  }
  const wasFrozen = isFrozen(host, path);
  try {
    if (!wasFrozen) stop(host, path, limit);
    makeRoom(directory, limit);
    act();
  } finally {
    if (!wasFrozen) thaw(host, path);
  }
}

function stop(host: V2Host, path: string, limit: number): void {
  try {
    freeze(host, path, patienceMs);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    const usage = countIn(readFileIfAny(join(host.root, path, "memory.current"))) ?? 0;
    if (usage * 2 <= limit) return;
    throw new CannotEnforceError(
      "--memory",
      `a process of it hangs in the kernel, and might grow beyond ${formatBytes(limit)} meanwhile: try again`,
    );
  }
}

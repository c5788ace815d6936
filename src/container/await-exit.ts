import { closeSync } from "node:fs";
import { isoTime } from "../core/clock.ts";
import { hasErrno } from "../core/errors.ts";
import type { Instance } from "../core/paths.ts";
import { exitCodeOf } from "../program/message.ts";
import { watchPath } from "../sys/path-watch.ts";
import { awaitProcess, exitStatusOf, openProcess } from "../sys/pidfd.ts";
import { isAlive } from "../sys/process.ts";
import type { ContainerRecord, ExitRecord } from "./record.ts";
import { readExit } from "./refresh.ts";
import { containerPaths, readRecord } from "./store.ts";

/** Of a container that has ended and is gone: what the kernel has kept of its pid 1, if it has. */
function lastWord(init: number | undefined, error: string): ExitRecord {
  const status = init === undefined ? undefined : exitStatusOf(init);
  const at = isoTime();
  if (status === undefined) return { code: 137, at, oomKilled: false, error };
  return { code: exitCodeOf(status), at, oomKilled: false };
}

/** How the run that `record` tells of has ended; undefined while it goes on. `pid1` is a pidfd of its pid 1. */
function exitOf(
  instance: Instance,
  record: ContainerRecord,
  pid1: number | undefined,
): ExitRecord | undefined {
  const { id, init, monitor } = record;
  // In this order: the exit record goes when the record that stays has taken it over.
  const exit = readExit(instance, id);
  const now = readRecord(instance, id);
  if (now === undefined) return exit ?? lastWord(pid1, "it was removed before its exit code could be read");
  if (now.init?.pid !== init?.pid || now.init?.startTime !== init?.startTime)
    return lastWord(pid1, "it was started again before its exit code could be read");
  if (now.state === "restarting" || now.state === "exited" || now.state === "dead")
    return now.exit ?? exit ?? lastWord(pid1, "its exit code was not recorded");
  if (exit !== undefined) return exit;
  if (monitor !== undefined && isAlive(monitor)) return undefined;
  // It may have written the record and ended between the two looks.
  return readExit(instance, id) ?? lastWord(pid1, "its monitor was killed");
}

function watchDirectory(path: string, look: () => void): (() => void) | undefined {
  try {
    return watchPath(path, look, { persistent: true });
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/**
 * Resolves when the run that `record` tells of has ended: as soon as its monitor has written how, or is gone itself.
 * Takes a thread of the pool for so long: for commands, not for the supervisor.
 * @throws the reason of `abort` when that comes first.
 */
export async function awaitExit(
  instance: Instance,
  record: ContainerRecord,
  abort?: AbortSignal,
): Promise<ExitRecord> {
  abort?.throwIfAborted();
  const over = new AbortController();
  // Opened first: when its pid is gone the kernel can no longer be asked.
  const pid1 = record.init === undefined ? undefined : openProcess(record.init);
  let unwatch: (() => void) | undefined;
  let monitor: Promise<void> = Promise.resolve();
  try {
    return await new Promise<ExitRecord>((resolve, reject) => {
      const look = (): void => {
        try {
          const exit = exitOf(instance, record, pid1);
          if (exit !== undefined) resolve(exit);
        } catch (error) {
          reject(error);
        }
      };
      abort?.addEventListener("abort", () => reject(abort.reason), { signal: over.signal });
      unwatch = watchDirectory(containerPaths(instance, record.id).run, look);
      if (record.monitor !== undefined)
        monitor = awaitProcess(record.monitor, over.signal).then(look, reject);
      // Only now: what came before the watch would be missed.
      look();
    });
  } finally {
    over.abort();
    unwatch?.();
    await monitor;
    if (pid1 !== undefined) closeSync(pid1);
  }
}

import { type FSWatcher, watch } from "node:fs";
import { hasErrno } from "../core/errors.ts";
import type { Instance } from "../core/paths.ts";
import { awaitExit } from "./await-exit.ts";
import type { ContainerRecord } from "./record.ts";
import { containerPaths, readRecord } from "./store.ts";

/** True when the supervisor has written down the end of the run that `record` tells of: all output came before that. */
export function isLogComplete(instance: Instance, { id, init }: ContainerRecord): boolean {
  const now = readRecord(instance, id);
  if (now === undefined || ["created", "restarting", "exited", "dead"].includes(now.state)) return true;
  return now.init?.pid !== init?.pid || now.init?.startTime !== init?.startTime;
}

/**
 * Resolves when the run that `record` tells of has ended and its log is complete. `isKept` says whether a supervisor
 * is there to complete it: where none is, the end of the container is enough.
 * @throws the reason of `abort` when that comes first.
 */
export async function awaitLogEnd(
  instance: Instance,
  record: ContainerRecord,
  isKept: () => Promise<boolean>,
  abort: AbortSignal,
): Promise<void> {
  await awaitExit(instance, record, abort);
  if (!(await isKept())) return;
  let watcher: FSWatcher | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      const look = (): void => {
        if (isLogComplete(instance, record)) resolve();
      };
      abort.addEventListener("abort", () => reject(abort.reason), { once: true });
      try {
        // The supervisor removes it last.
        watcher = watch(containerPaths(instance, record.id).run, look);
        watcher.on("error", look);
      } catch (error) {
        if (!hasErrno(error, "ENOENT")) throw error;
      }
      look();
    });
  } finally {
    watcher?.close();
  }
}

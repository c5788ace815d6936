import { hasErrno } from "../core/errors.ts";
import type { Instance } from "../core/paths.ts";
import { watchPath } from "../sys/path-watch.ts";
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
  let unwatch: (() => void) | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      const look = (): void => {
        try {
          if (isLogComplete(instance, record)) resolve();
        } catch (error) {
          reject(error);
        }
      };
      abort.addEventListener("abort", () => reject(abort.reason), { once: true });
      try {
        // The supervisor removes it last.
        unwatch = watchPath(containerPaths(instance, record.id).run, look, { persistent: true });
      } catch (error) {
        if (!hasErrno(error, "ENOENT")) throw error;
      }
      look();
    });
  } finally {
    unwatch?.();
  }
}

import { hasErrno, NotFoundError } from "../core/errors.ts";
import type { Instance } from "../core/paths.ts";
import { changeRunningRecord } from "./change-record.ts";
import { describeCrossing, MemoryWatch } from "./memory.ts";
import type { ContainerRecord } from "./record.ts";

/** Tells, of a container in our foreground, when its memory comes above its soft limit. The answer ends that. */
export function watchOwnMemory(
  instance: Instance,
  record: ContainerRecord,
  say: (line: string) => void,
): () => void {
  const change = (how: (record: ContainerRecord) => ContainerRecord): ContainerRecord | undefined => {
    try {
      return changeRunningRecord(instance, record.id, how);
    } catch (error) {
      // Removed by another.
      if (error instanceof NotFoundError || hasErrno(error, "ENOENT")) return undefined;
      throw error;
    }
  };
  const watch = new MemoryWatch({
    change,
    crossed: (_record, crossing) => say(describeCrossing(crossing)),
    // That is told when it has ended.
    outOfMemory: () => undefined,
    say,
  });
  watch.watch(record);
  return () => watch.stop();
}

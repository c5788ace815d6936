import { readTextIfAny, writeFileAtomic } from "../core/atomic.ts";
import { hasErrno, NotFoundError } from "../core/errors.ts";
import { join } from "../core/join.ts";
import { makeDirectories } from "../core/make-directories.ts";
import type { Instance } from "../core/paths.ts";
import { withLock } from "../sys/flock.ts";
import type { ContainerRecord } from "./record.ts";
import { containerPaths, readRecord, writeRunningRecord } from "./store.ts";

/** Runs `act` while nobody else changes records. */
function alone<T>(instance: Instance, act: () => T): T {
  // After a boot there may be no state yet.
  makeDirectories(instance.state);
  return withLock(join(instance.state, "records.lock"), act);
}

/**
 * Changes what is known of a container: in the record that stays and in the one of its present run, so that it holds
 * now, after the run, and after a power failure. Whoever changes records so waits for the others who do. Returns the new
 * record.
 * @throws NotFoundError when the container has been removed.
 */
export function changeRecord(
  instance: Instance,
  id: string,
  change: (record: ContainerRecord) => ContainerRecord,
): ContainerRecord {
  const paths = containerPaths(instance, id);
  return alone(instance, () => {
    for (const path of [paths.record, paths.runningRecord]) {
      const text = readTextIfAny(path);
      if (text === undefined) continue;
      try {
        writeFileAtomic(path, JSON.stringify(change(JSON.parse(text) as ContainerRecord)));
      } catch (error) {
        // Its directory went in between: its run is over, or it has been removed.
        if (!hasErrno(error, "ENOENT")) throw error;
      }
    }
    const record = readRecord(instance, id);
    if (record === undefined) throw new NotFoundError(`no such container: ${id.slice(0, 12)}`);
    return record;
  });
}

/** Changes what is true of the present run only. Returns the new record. @throws NotFoundError */
export function changeRunningRecord(
  instance: Instance,
  id: string,
  change: (record: ContainerRecord) => ContainerRecord,
): ContainerRecord {
  return alone(instance, () => {
    const before = readRecord(instance, id);
    if (before === undefined) throw new NotFoundError(`no such container: ${id.slice(0, 12)}`);
    const record = change(before);
    writeRunningRecord(instance, record);
    return record;
  });
}

import { openSync, readlinkSync } from "node:fs";
import { ConflictError, hasErrno } from "../../core/errors.ts";
import type { Instance } from "../../core/paths.ts";
import { Directory } from "../../sys/directory.ts";
import { releaseLock, takeLock } from "../../sys/flock.ts";
import { isAlive } from "../../sys/process.ts";
import { LaunchError } from "../launch.ts";
import type { ContainerRecord } from "../record.ts";
import { isLive } from "../refresh.ts";
import { closeAll, layerLock, type OpenRoot, openBare, openStopped } from "./view.ts";

function runningPid(record: ContainerRecord): number | undefined {
  const { init, state } = record;
  if (state !== "running" && state !== "paused") {
    if (isLive(record)) throw new ConflictError(`container ${record.name} is only being made: try again`);
    return undefined;
  }
  return init !== undefined && isAlive(init) ? init.pid : undefined;
}

/** A container with users of its own is seen from outside by the host's ids, and refuses files of a user that it has not. */
function refuseOwnUsers(record: ContainerRecord, pid: number): void {
  if (readlinkSync(`/proc/${pid}/ns/user`) === readlinkSync("/proc/self/ns/user")) return;
  throw new ConflictError(
    `container ${record.name} has users of its own: stop it first, or use mdocker exec with tar, while it runs`,
  );
}

/** Opens the root of pid 1. It cannot have become another process if it lives afterwards. */
function openRunning(record: ContainerRecord, pid: number): OpenRoot | undefined {
  const opened: number[] = [];
  const close = () => closeAll(opened);
  try {
    // Should it end: as long as this is open, what is mounted stays mounted, and nothing is written to what it covers.
    opened.push(openSync(`/proc/${pid}/ns/mnt`, "r"));
    refuseOwnUsers(record, pid);
    const directory = Directory.host(`/proc/${pid}/root`);
    opened.push(directory.fd);
    if (record.init !== undefined && isAlive(record.init)) return { directory, close };
  } catch (error) {
    close();
    if (!hasErrno(error, "ENOENT", "ESRCH")) throw error;
  }
  close();
  return undefined;
}

/** How long a copy waits for another that writes to the same container. */
const patienceMs = 10_000;

/** Takes the lock on the layer of a container that does not run. @throws ConflictError when somebody keeps it */
async function lockLayer(instance: Instance, record: ContainerRecord): Promise<number> {
  const path = layerLock(instance, record.id);
  for (const end = Date.now() + patienceMs; ; ) {
    const lock = takeLock(path, false);
    if (lock !== undefined) return lock;
    if (Date.now() > end) return refuseBusy(record);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function refuseBusy({ name }: ContainerRecord): never {
  throw new ConflictError(`container ${name}: another copy into it is going on: try again when that is done`);
}

/** Opens the files of a container that does not run for writing, under the lock, which goes when they are closed. */
function openLocked(instance: Instance, record: ContainerRecord, lock: number): OpenRoot {
  try {
    const root = openStopped(instance, record, { volumes: true, writable: true });
    let held = true;
    const close = () => {
      root.close();
      if (held) releaseLock(lock);
      held = false;
    };
    return { directory: root.directory, close };
  } catch (error) {
    releaseLock(lock);
    throw error;
  }
}

/**
 * The files of a container as its processes see them, or would see them if it ran: with volumes and what else is mounted.
 * Of one that does not run they are for reading.
 * @throws SetupError; ConflictError while it is being made.
 */
export function openContainer(instance: Instance, record: ContainerRecord): OpenRoot {
  const pid = runningPid(record);
  const running = pid === undefined ? undefined : openRunning(record, pid);
  if (running !== undefined) return running;
  try {
    return openStopped(instance, record, { volumes: true, writable: false });
  } catch (error) {
    // It never ran, or was changed: there is no place yet for what is mounted.
    if (!(error instanceof LaunchError)) throw error;
    return openLocked(
      instance,
      record,
      takeLock(layerLock(instance, record.id), false) ?? refuseBusy(record),
    );
  }
}

/** The same for writing. @throws as {@link openContainer}; ConflictError while another writes to one that does not run. */
export async function openContainerForWriting(
  instance: Instance,
  record: ContainerRecord,
): Promise<OpenRoot> {
  const pid = runningPid(record);
  const running = pid === undefined ? undefined : openRunning(record, pid);
  return running ?? openLocked(instance, record, await lockLayer(instance, record));
}

/** The files of a container's own root, without what is mounted in it, for reading. @throws as {@link openContainer} */
export function openContainerRoot(instance: Instance, record: ContainerRecord): OpenRoot {
  const pid = runningPid(record);
  if (pid !== undefined) return openBare(instance, record, pid);
  return openStopped(instance, record, { volumes: false, writable: false });
}

import { openSync } from "node:fs";
import { ConflictError, hasErrno } from "../../core/errors.ts";
import type { Instance } from "../../core/paths.ts";
import { Directory } from "../../sys/directory.ts";
import { isAlive } from "../../sys/process.ts";
import type { ContainerRecord } from "../record.ts";
import { isLive } from "../refresh.ts";
import { closeAll, type OpenRoot, openBare, openStopped } from "./view.ts";

function runningPid(record: ContainerRecord): number | undefined {
  const { init, state } = record;
  if (state !== "running" && state !== "paused") {
    if (isLive(record)) throw new ConflictError(`container ${record.name} is only being made: try again`);
    return undefined;
  }
  return init !== undefined && isAlive(init) ? init.pid : undefined;
}

/** Opens the root of pid 1. It cannot have become another process if it lives afterwards. */
function openRunning(record: ContainerRecord, pid: number): OpenRoot | undefined {
  const opened: number[] = [];
  const close = () => closeAll(opened);
  try {
    // Should it end: as long as this is open, what is mounted stays mounted, and nothing is written to what it covers.
    opened.push(openSync(`/proc/${pid}/ns/mnt`, "r"));
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

/**
 * The files of a container as its processes see them, or would see them if it ran: with volumes and what else is mounted.
 * @throws SetupError; ConflictError while it is being made.
 */
export function openContainer(instance: Instance, record: ContainerRecord): OpenRoot {
  const pid = runningPid(record);
  const running = pid === undefined ? undefined : openRunning(record, pid);
  return running ?? openStopped(instance, record, true);
}

/** The files of a container's own root, without what is mounted in it. @throws as {@link openContainer} */
export function openContainerRoot(instance: Instance, record: ContainerRecord): OpenRoot {
  const pid = runningPid(record);
  return pid === undefined ? openStopped(instance, record, false) : openBare(instance, record, pid);
}

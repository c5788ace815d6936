import { ConflictError } from "../core/errors.ts";
import type { Instance } from "../core/paths.ts";
import { isAlive } from "../sys/process.ts";
import type { ContainerRecord } from "./record.ts";
import { signalContainer, stopSignalOf } from "./stop.ts";
import { markStop } from "./stop-mark.ts";

const SIGKILL = 9;

/**
 * Sends a signal to a container's pid 1, which passes it to the command; SIGKILL ends pid 1 and with it everything. A
 * signal that asks it to end is marked as such, and lets a paused one run.
 * @throws ConflictError when it does not run.
 */
export function killContainer(instance: Instance, record: ContainerRecord, signal: number): void {
  const { id, init, state, name } = record;
  if ((state !== "running" && state !== "paused") || init === undefined || !isAlive(init))
    throw new ConflictError(`container ${name} is not running`);
  const ends = signal === SIGKILL || signal === stopSignalOf(record);
  if (ends) markStop(instance, id, { signal, killed: signal === SIGKILL });
  signalContainer(record, init, signal, ends);
}

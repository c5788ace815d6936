import { UsageError } from "../core/errors.ts";
import type { Instance } from "../core/paths.ts";
import { isAlive } from "../sys/process.ts";
import type { ContainerRecord } from "./record.ts";
import { sendSignal } from "./signals.ts";

/**
 * Sends a signal to a container's pid 1, which passes it to the command; SIGKILL ends pid 1 and with it everything.
 * @throws UsageError when it does not run.
 */
export function killContainer(_instance: Instance, record: ContainerRecord, signal: number): void {
  const { init } = record;
  if ((record.state !== "running" && record.state !== "paused") || init === undefined || !isAlive(init)) {
    throw new UsageError(`container ${record.name} is not running`);
  }
  sendSignal(init.pid, signal);
}

import { join } from "../core/join.ts";
import { makeDirectories } from "../core/make-directories.ts";
import type { Instance } from "../core/paths.ts";
import { releaseLock, takeLock } from "../sys/flock.ts";

/** How often it is looked whether whoever has his turn is done, in milliseconds. */
const lookMs = 5;

/**
 * Runs `act` while nobody else of the instance does what goes by this name, in this process or another; the event loop
 * goes on meanwhile.
 */
export async function inTurn<T>(instance: Instance, name: string, act: () => Promise<T>): Promise<T> {
  makeDirectories(instance.state);
  let lock: number | undefined;
  while (lock === undefined) {
    lock = takeLock(join(instance.state, `${name}.lock`), false);
    if (lock === undefined) await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
  try {
    return await act();
  } finally {
    releaseLock(lock);
  }
}

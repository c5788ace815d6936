import { ftruncateSync, writeSync } from "node:fs";
import { readTextIfAny } from "../core/atomic.ts";
import { SetupError } from "../core/errors.ts";
import { join } from "../core/join.ts";
import { makeDirectories } from "../core/make-directories.ts";
import { type Instance, supervisorSocket } from "../core/paths.ts";
import { releaseLock, takeLock } from "../sys/flock.ts";
import { isListenedTo } from "./http/socket.ts";

/** How long a supervisor may take to end, as it stops its containers; and how often it is looked. In milliseconds. */
const endingMs = 30_000;
const lookMs = 20;

/** Held by the supervisor of an instance as long as it lives; holds its pid. */
function lifeLock(instance: Instance): string {
  return join(instance.state, "supervisor.lock");
}

/** The right to be the supervisor of an instance. */
export interface Turn {
  /** We are, and can be talked to: others who want to be may look now. */
  begun(): void;
}

/** The lock of a supervisor that takes no more requests: it is ending, and mostly soon. Undefined when it is not. */
async function afterTheOther(path: string): Promise<number | undefined> {
  for (let waited = 0; waited < endingMs; waited += lookMs) {
    await new Promise((resolve) => setTimeout(resolve, lookMs));
    const lock = takeLock(path, false);
    if (lock !== undefined) return lock;
  }
  return undefined;
}

/**
 * Waits until no other supervisor of this instance is starting or ending, and makes us the one; undefined when one runs
 * already and can be talked to. Kept until this process ends.
 * @throws SetupError when one runs that cannot be talked to
 */
export async function becomeSupervisor(instance: Instance): Promise<Turn | undefined> {
  makeDirectories(instance.state);
  const starting = takeLock(join(instance.state, "supervisor-start.lock"), true);
  if (starting === undefined) return undefined;
  const path = lifeLock(instance);
  let life = takeLock(path, false);
  if (life === undefined) {
    if (await isListenedTo(supervisorSocket(instance))) {
      releaseLock(starting);
      return undefined;
    }
    life = await afterTheOther(path);
  }
  if (life === undefined) {
    releaseLock(starting);
    throw new SetupError(
      `supervisor: process ${supervisorPid(instance) ?? "unknown"} is one already, but takes no requests: end it first`,
    );
  }
  ftruncateSync(life);
  writeSync(life, `${process.pid}\n`);
  return { begun: () => releaseLock(starting) };
}

/** The pid of the supervisor that runs, or ran last. */
export function supervisorPid(instance: Instance): number | undefined {
  const text = readTextIfAny(lifeLock(instance))?.trim();
  return text === undefined || text === "" ? undefined : Number(text);
}

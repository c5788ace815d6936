import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { hasErrno } from "../../src/core/errors.ts";
import { identify, isAlive } from "../../src/sys/process.ts";

/** The pid of the supervisor that runs for this state directory; undefined when none does. */
export function supervisorOf({ state }: { readonly state: string }): number | undefined {
  try {
    const pid = Number(readFileSync(join(state, "supervisor.lock"), "utf8"));
    // The file outlives its process, whose pid may have become another's.
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    return command.includes("supervisor") ? pid : undefined;
  } catch (error) {
    if (hasErrno(error, "ENOENT", "ESRCH")) return undefined;
    throw error;
  }
}

/** Ends the supervisor of this state directory, when there is one, and waits until it is gone. */
export async function endSupervisor(
  place: { readonly state: string },
  signal: "SIGTERM" | "SIGKILL" = "SIGTERM",
): Promise<void> {
  const pid = supervisorOf(place);
  const identity = pid === undefined ? undefined : identify(pid);
  if (identity === undefined) return;
  process.kill(identity.pid, signal);
  const deadline = Date.now() + 20_000;
  while (isAlive(identity)) {
    if (Date.now() > deadline) throw new Error(`supervisor ${identity.pid}: still there after ${signal}`);
    await pause(5);
  }
}

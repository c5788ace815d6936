import { messageOf } from "../core/errors.ts";
import type { Instance } from "../core/paths.ts";
import { watchPath } from "../sys/path-watch.ts";
import { LimitWatch } from "./limit-watch.ts";
import type { ContainerRecord, LimitEvent } from "./record.ts";
import { RunRecord } from "./run-record.ts";
import { containerPaths } from "./store.ts";

/** Passes an event on to the supervisor, where one runs: so that it is one of `mdocker events`. */
export type TellLimitEvent = (
  instance: Instance,
  container: Pick<ContainerRecord, "id" | "name" | "image" | "labels">,
  event: LimitEvent,
) => Promise<void>;

/** So long the end of a run waits for a supervisor that does not answer. In milliseconds. */
const patienceMs = 1_000;

function patience(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, patienceMs).unref();
  });
}

/**
 * Watches what the limits of a container in our foreground do, as a supervisor does for those that it keeps. What it tells
 * is in the record; of that, only the soft limit is said: stderr is the command's. The answer ends it, and says whether it
 * was told that memory had run out.
 */
export function watchOwnLimits(
  instance: Instance,
  id: string,
  { say, tell }: { readonly say: (line: string) => void; readonly tell: TellLimitEvent | undefined },
): () => Promise<boolean> {
  let running = true;
  let told = Promise.resolve();
  const run = new RunRecord(instance, id, () => running, say);
  const limits = new LimitWatch(run, {
    happened: (record, event, line) => {
      if (event.action === "soft_limit" && line !== undefined) say(line);
      if (tell === undefined) return;
      // One after the other, as they happened. A supervisor that cannot be reached is no fault of the container.
      told = told.then(() => tell(instance, record, event)).catch(() => undefined);
    },
    say,
  });
  const known = run.read();
  if (known !== undefined) limits.watch(known);
  // Whoever updates it writes its record.
  const look = (file: string | undefined): void => {
    const record = file === undefined || file === "record.json" ? run.read() : undefined;
    if (record !== undefined) limits.updated(record);
  };
  const paths = containerPaths(instance, id);
  let unwatch: (() => void) | undefined;
  try {
    unwatch = watchPath(paths.run, look, { persistent: false });
  } catch (error) {
    if (known !== undefined) say(`container ${known.name}: updates are not seen: ${messageOf(error)}`);
  }
  return async () => {
    running = false;
    unwatch?.();
    const outOfMemory = limits.toldOutOfMemory;
    limits.ended();
    await Promise.race([told, patience()]);
    return outOfMemory;
  };
}

import { closeSync, constants, existsSync, openSync } from "node:fs";
import { hasErrno } from "../../src/core/errors.ts";
import { join } from "../../src/core/join.ts";
import { makeEventFd, takeEvent } from "../../src/sys/eventfd.ts";
import { watchReadable } from "../../src/sys/readiness.ts";
import { lowMark, type MemoryListener, type MemoryWish } from "../memory-listener.ts";
import { readFileIfAny } from "../processes.ts";
import { writeValues } from "../write-values.ts";

/** Bytes in use, caches included; undefined when the cgroup is gone. */
function usageOf(directory: string): number | undefined {
  const text = readFileIfAny(join(directory, "memory.usage_in_bytes"));
  return text === undefined ? undefined : Number(text);
}

/** Has the kernel tell `eventFd` of a file's news; `args` as the file wants them (cgroup-v1/memory.rst). */
function register(directory: string, eventFd: number, file: string, args: string): void {
  const fd = openSync(join(directory, file), constants.O_RDONLY);
  try {
    writeValues(join(directory, "cgroup.event_control"), [`${eventFd} ${fd} ${args}`.trim()]);
  } finally {
    closeSync(fd);
  }
}

/** An eventfd, and what happens when the kernel has told something by it. */
function listen(onEvent: () => void): { readonly fd: number; readonly end: () => void } {
  const fd = makeEventFd();
  const unwatch = watchReadable(fd, () => {
    if (takeEvent(fd)) onEvent();
  });
  return {
    fd,
    // The kernel forgets it with its last descriptor.
    end: () => {
      unwatch();
      closeSync(fd);
    },
  };
}

/** Tells of usage around the soft limit: the kernel tells when it passes a threshold, in either direction. */
function watchSoftLimit(
  directory: string,
  softLimit: number,
  startsAbove: boolean,
  { crossed, fell }: MemoryListener,
): () => void {
  let above = startsAbove;
  let ended = false;
  const look = (): void => {
    if (ended) return;
    const usage = usageOf(directory);
    if (usage === undefined) return;
    if (!above && usage > softLimit) {
      above = true;
      crossed(usage);
    } else if (above && usage < lowMark(softLimit)) {
      above = false;
      fell();
    }
  };
  const { fd, end } = listen(look);
  try {
    for (const threshold of [softLimit, lowMark(softLimit)])
      register(directory, fd, "memory.usage_in_bytes", String(threshold));
  } catch (error) {
    end();
    throw error;
  }
  // What was so before is not told by the kernel.
  setImmediate(look);
  return () => {
    ended = true;
    end();
  };
}

/** See {@link MemoryListener}; by cgroup.event_control and eventfd(2). `directory` lies in the memory hierarchy. */
export function watchV1Memory(
  directory: string,
  { softLimit, above }: MemoryWish,
  listener: MemoryListener,
): () => void {
  const control = join(directory, "memory.oom_control");
  const oom = listen(() => {
    // A cgroup that is removed wakes who listens, too: its files are gone by then.
    if (existsSync(control)) listener.outOfMemory();
  });
  try {
    register(directory, oom.fd, "memory.oom_control", "");
    const soft = softLimit === undefined ? undefined : watchSoftLimit(directory, softLimit, above, listener);
    return () => {
      oom.end();
      soft?.();
    };
  } catch (error) {
    oom.end();
    // It has just ended, cgroup and all.
    if (hasErrno(error, "ENOENT", "ENODEV")) return () => undefined;
    throw error;
  }
}

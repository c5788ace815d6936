import { existsSync } from "node:fs";
import type { CgroupHost } from "./host.ts";
import type { MemoryListener, MemoryWish } from "./memory-listener.ts";
import { checkPath, directoryFor } from "./place.ts";
import { watchV1Memory } from "./v1/memory-watch.ts";
import { watchV2Memory } from "./v2/memory-watch.ts";

/**
 * Tells of a container's memory as the kernel tells it, by notification: nothing is looked at while nothing happens.
 * The answer ends it. A container whose memory is not accounted for has nothing to tell.
 * @throws what the files of its cgroup say.
 */
export function watchMemory(
  host: CgroupHost,
  path: string,
  wish: MemoryWish,
  listener: MemoryListener,
): () => void {
  checkPath(path);
  const directory =
    host.driver === "v2" || host.controllers.has("memory") ? directoryFor(host, "memory", path) : undefined;
  if (directory === undefined || !existsSync(directory)) return () => undefined;
  return host.driver === "v2"
    ? watchV2Memory(directory, wish, listener)
    : watchV1Memory(directory, wish, listener);
}

import { closeSync, openSync } from "node:fs";
import { call } from "./call.ts";

const LOCK_EX = 2;

/**
 * Runs `act` while this process alone holds flock(2) on `path` (made when missing, mode 0600). Waits for other holders;
 * the kernel frees the lock if we are killed. `act` must be synchronous: nothing may be awaited under the lock.
 */
export function withLock<T>(path: string, act: () => T): T {
  const fd = openSync(path, "a", 0o600);
  try {
    call("int flock(int fd, int operation)", [fd, LOCK_EX], { call: "flock", subject: path });
    return act();
  } finally {
    closeSync(fd);
  }
}

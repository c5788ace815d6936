import { closeSync, openSync } from "node:fs";
import { hasErrno } from "../core/errors.ts";
import { call } from "./call.ts";

const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;

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

/**
 * Takes flock(2) on `path` (made when missing, mode 0600) until {@link releaseLock} or the end of this process. With
 * `wait`, waits for who holds it; else undefined when somebody does.
 */
export function takeLock(path: string, wait: boolean): number | undefined {
  const fd = openSync(path, "a", 0o600);
  try {
    call("int flock(int fd, int operation)", [fd, wait ? LOCK_EX : LOCK_EX | LOCK_NB], {
      call: "flock",
      subject: path,
    });
    return fd;
  } catch (error) {
    closeSync(fd);
    if (hasErrno(error, "EAGAIN", "EWOULDBLOCK")) return undefined;
    throw error;
  }
}

/**
 * Takes flock(2) on an open file or directory, until it is closed: `shared` waits for who has it alone, `alone` for
 * everybody. False when others
 * have what was wanted `alone, if at once`.
 */
export function lockDescriptor(
  fd: number,
  how: "shared" | "alone" | "alone, if at once",
  subject: string,
): boolean {
  const operation = how === "shared" ? LOCK_SH : how === "alone" ? LOCK_EX : LOCK_EX | LOCK_NB;
  try {
    call("int flock(int fd, int operation)", [fd, operation], { call: "flock", subject });
    return true;
  } catch (error) {
    if (hasErrno(error, "EAGAIN", "EWOULDBLOCK")) return false;
    throw error;
  }
}

/** Gives back a lock of {@link takeLock}. */
export function releaseLock(lock: number): void {
  closeSync(lock);
}

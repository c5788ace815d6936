import { fstatSync } from "node:fs";
import { hasErrno } from "../core/errors.ts";

/** Major number of /dev/null, /dev/zero and their kin (Documentation/admin-guide/devices.txt). */
const memoryDevices = 1;

/**
 * True when `fd` is a terminal. node:tty takes 2 ms to load, so it is asked only about what may be one: a character
 * device that is not /dev/null.
 */
export async function isTerminal(fd: number): Promise<boolean> {
  try {
    const about = fstatSync(fd);
    if (!about.isCharacterDevice() || about.rdev >> 8 === memoryDevices) return false;
  } catch (error) {
    if (hasErrno(error, "EBADF")) return false;
    throw error;
  }
  const { isatty } = await import("node:tty");
  return isatty(fd);
}

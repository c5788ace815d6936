import { readSync } from "node:fs";
import { hasErrno } from "../core/errors.ts";
import { call } from "./call.ts";

const EFD_NONBLOCK = 0o4000;
const EFD_CLOEXEC = 0o2000000;

/** eventfd(2), close-on-exec: something for the kernel to tell by. The caller closes it. */
export function makeEventFd(): number {
  return call("int eventfd(unsigned int initial, int flags)", [0, EFD_NONBLOCK | EFD_CLOEXEC], {
    call: "eventfd",
  });
}

/** True when the kernel has told something since it was last asked. */
export function takeEvent(fd: number): boolean {
  try {
    return readSync(fd, Buffer.alloc(8)) === 8;
  } catch (error) {
    if (hasErrno(error, "EAGAIN")) return false;
    throw error;
  }
}

import { SyscallError } from "../core/errors.ts";
import { cFunction } from "./call.ts";
import { errnoName } from "./errno.ts";
import { lastErrno } from "./native.ts";

const POLLIN = 1;
const POLLOUT = 4;
const POLLHUP = 0x10;
const EINTR = 4;

/** poll(2) of one descriptor: what there is of `events`, errors and hang-ups; 0 when `ms` pass or a signal comes in. */
function poll(fd: number, events: number, ms: number): number {
  // struct pollfd: fd i32@0 · events i16@4 · revents i16@6
  const entry = Buffer.alloc(8);
  entry.writeInt32LE(fd, 0);
  entry.writeInt16LE(events, 4);
  const found = Number(cFunction("int poll(void *fds, unsigned long count, int timeout)")(entry, 1, ms));
  if (found >= 0) return entry.readInt16LE(6);
  const errno = lastErrno();
  if (errno === EINTR) return 0;
  throw new SyscallError({ call: "poll", errno: errnoName(errno) });
}

/**
 * True when the other side of a connected unix socket has closed it altogether, and not only its own direction
 * (poll(2), unix(7)): for a reader both look like the end of the data. Waits up to `ms` milliseconds for it, or until a
 * signal comes in.
 */
export function isHungUp(fd: number, ms = 0): boolean {
  return (poll(fd, 0, ms) & POLLHUP) !== 0;
}

/** Waits up to `ms` milliseconds, or until a signal comes in, for something to read, or its end: true when that is there. */
export function isReadable(fd: number, ms: number): boolean {
  return poll(fd, POLLIN, ms) !== 0;
}

/** Waits up to `ms` milliseconds, or until a signal comes in, until a connection is made or refused, or there is room to write. */
export function isWritable(fd: number, ms: number): boolean {
  return poll(fd, POLLOUT, ms) !== 0;
}

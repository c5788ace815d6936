import { call } from "./call.ts";

const POLLHUP = 0x10;

/**
 * True when the other side of a connected unix socket has closed it altogether, and not only its own direction
 * (poll(2), unix(7)): for a reader both look like the end of the data. Asks, and does not wait.
 */
export function isHungUp(fd: number): boolean {
  // struct pollfd: fd i32@0 · events i16@4 · revents i16@6
  const request = Buffer.alloc(8);
  request.writeInt32LE(fd, 0);
  call("int poll(void *fds, unsigned long count, int timeout)", [request, 1, 0], { call: "poll" });
  return (request.readInt16LE(6) & POLLHUP) !== 0;
}

import { call } from "./call.ts";

const O_CLOEXEC = 0o2000000;

/** pipe2(2): the reading end and the writing end, close-on-exec. */
export function makePipe(): [number, number] {
  const fds = Buffer.alloc(8);
  call("int pipe2(void *fds, int flags)", [fds, O_CLOEXEC], { call: "pipe2" });
  return [fds.readInt32LE(0), fds.readInt32LE(4)];
}

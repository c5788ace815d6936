import { hasErrno } from "../core/errors.ts";
import { call } from "./call.ts";

const F_GETFL = 3;
const F_SETFL = 4;
const F_DUPFD_CLOEXEC = 1030;
const O_NONBLOCK = 0o4000;

/** fcntl(2) of a descriptor of ours; undefined when it is closed. */
function fcntl(fd: number, command: number, argument: number): number | undefined {
  const failure = { call: "fcntl", subject: `descriptor ${fd}` };
  try {
    return call("int fcntl(int fd, int cmd, int arg)", [fd, command, argument], failure);
  } catch (error) {
    if (hasErrno(error, "EBADF")) return undefined;
    throw error;
  }
}

/** Makes reads and writes of the open file behind `fd` fail with EAGAIN where they would wait. */
export function setNonBlocking(fd: number): void {
  fcntl(fd, F_SETFL, (fcntl(fd, F_GETFL, 0) ?? 0) | O_NONBLOCK);
}

/** Another descriptor, close-on-exec, of the open file behind `fd`. The caller closes it. */
export function duplicate(fd: number): number {
  return call("int fcntl(int fd, int cmd, int arg)", [fd, F_DUPFD_CLOEXEC, 0], { call: "fcntl F_DUPFD" });
}

/**
 * Notes the status flags of stdin, stdout and stderr; returns what puts them back. Whoever touches process.stdin or
 * process.stdout makes the open file non-blocking (uv_pipe_open), and the open file is others' too: they would meet
 * EAGAIN where they expect to wait.
 */
export function noteStdioFlags(): () => void {
  const before = [0, 1, 2].map((fd) => fcntl(fd, F_GETFL, 0));
  return () => {
    before.forEach((flags, fd) => {
      if (flags !== undefined && fcntl(fd, F_GETFL, 0) !== flags) fcntl(fd, F_SETFL, flags);
    });
  };
}

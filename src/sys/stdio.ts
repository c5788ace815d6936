import { hasErrno } from "../core/errors.ts";
import { call } from "./call.ts";

const F_GETFL = 3;
const F_SETFL = 4;

/** fcntl(2) of one of our standard streams; undefined when it is closed. */
function fcntl(fd: number, command: number, argument: number): number | undefined {
  const failure = { call: "fcntl", subject: `descriptor ${fd}` };
  try {
    return call("int fcntl(int fd, int cmd, int arg)", [fd, command, argument], failure);
  } catch (error) {
    if (hasErrno(error, "EBADF")) return undefined;
    throw error;
  }
}

/**
 * Runs `act`, and puts the status flags of stdin, stdout and stderr back to what they were. Whoever touches
 * process.stdin makes the open file non-blocking (uv_pipe_open), and the open file is the container's too: its
 * command would meet EAGAIN where it expects to wait. For modules that touch it as they are loaded.
 */
export async function keepingStdioFlags<T>(act: () => Promise<T>): Promise<T> {
  const before = [0, 1, 2].map((fd) => fcntl(fd, F_GETFL, 0));
  try {
    return await act();
  } finally {
    before.forEach((flags, fd) => {
      if (flags !== undefined && fcntl(fd, F_GETFL, 0) !== flags) fcntl(fd, F_SETFL, flags);
    });
  }
}

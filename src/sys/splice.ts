import { SyscallError } from "../core/errors.ts";
import { cFunction } from "./call.ts";
import { errnoName } from "./errno.ts";
import { lastErrno } from "./native.ts";

const SPLICE_F_NONBLOCK = 2;
const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;
const EINTR = 4;
const EAGAIN = 11;

const offset = Buffer.alloc(8);

/** Undefined for EAGAIN. What was interrupted has moved nothing. */
function splice(args: readonly unknown[]): number | undefined {
  const native = cFunction(
    "long splice(int from, void *fromOffset, int to, void *toOffset, unsigned long length, unsigned int flags)",
  );
  for (;;) {
    const moved = Number(native(...args));
    if (moved >= 0) return moved;
    const errno = lastErrno();
    if (errno === EAGAIN) return undefined;
    if (errno !== EINTR) throw new SyscallError({ call: "splice", errno: errnoName(errno) });
  }
}

/**
 * splice(2): moves up to `most` bytes from a pipe into a file, to `at`. The kernel does that in one piece: what has left
 * the pipe is in the file, whenever the process is killed. Answers how many there were, 0 at the end of the pipe, and
 * undefined when there is nothing now.
 * @throws SyscallError
 */
export function spliceToFile(pipe: number, file: number, at: number, most: number): number | undefined {
  offset.writeBigInt64LE(BigInt(at));
  return splice([pipe, null, file, offset, most, SPLICE_F_NONBLOCK]);
}

/**
 * splice(2): moves up to `most` bytes from a terminal into a pipe, in one piece too. Answers how many there were, and
 * undefined when there is nothing now, or no room. The terminal has to be non-blocking.
 * @throws SyscallError: EIO when the terminal has been hung up, EINVAL where the kernel cannot do that with terminals.
 */
export function spliceToPipe(terminal: number, pipe: number, most: number): number | undefined {
  return splice([terminal, null, pipe, null, most, SPLICE_F_NONBLOCK]);
}

/** fallocate(2): gives back what a file has from `from` to `to`; it reads as zeros then. False where that cannot be done. */
export function punchHole(file: number, from: number, to: number): boolean {
  const fallocate = cFunction("int fallocate(int fd, int mode, long offset, long length)");
  return Number(fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, from, to - from)) === 0;
}

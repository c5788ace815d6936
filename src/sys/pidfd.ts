import { closeSync, writeSync } from "node:fs";
import { hasErrno } from "../core/errors.ts";
import { call, cFunction } from "./call.ts";
import { makePipe } from "./pipe.ts";
import { isAlive, type ProcessIdentity } from "./process.ts";

// The same numbers on every architecture (Linux 5.1 and 5.3).
const SYS_pidfd_send_signal = 424;
const SYS_pidfd_open = 434;
const SYS_pidfd_getfd = 438;
const POLLIN = 1;
/** _IOWR(0xff, 11, struct pidfd_info) */
const PIDFD_GET_INFO = 0xc040ff0b;
const PIDFD_INFO_EXIT = 8n;

const prototype = "long syscall(long number, long a, long b, long c, long d)";

/**
 * pidfd_open(2): a descriptor that means this very process for as long as it is open, whatever becomes of its pid.
 * Undefined when it has ended. The caller closes it.
 */
export function openProcess(identity: ProcessIdentity): number | undefined {
  let pidfd: number;
  try {
    pidfd = call(prototype, [SYS_pidfd_open, identity.pid, 0, 0, 0], { call: "pidfd_open" });
  } catch (error) {
    if (hasErrno(error, "ESRCH")) return undefined;
    throw error;
  }
  // Only now: a pid that was given to another before would pass a look that came first.
  if (isAlive(identity)) return pidfd;
  closeSync(pidfd);
  return undefined;
}

/** Sends `signal` to exactly this process (pidfd_send_signal(2)). False when it has ended. */
export function signalProcess(identity: ProcessIdentity, signal: number): boolean {
  const pidfd = openProcess(identity);
  if (pidfd === undefined) return false;
  try {
    call(prototype, [SYS_pidfd_send_signal, pidfd, signal, 0, 0], { call: "pidfd_send_signal" });
    return true;
  } catch (error) {
    if (hasErrno(error, "ESRCH")) return false;
    throw error;
  } finally {
    closeSync(pidfd);
  }
}

/**
 * A copy of the descriptor `fd` of another process, close-on-exec: the same open file (pidfd_getfd(2), Linux 5.6).
 * Undefined when that process has ended, or has no such descriptor.
 */
export function copyDescriptor(identity: ProcessIdentity, fd: number): number | undefined {
  const pidfd = openProcess(identity);
  if (pidfd === undefined) return undefined;
  try {
    return call(prototype, [SYS_pidfd_getfd, pidfd, fd, 0, 0], { call: "pidfd_getfd" });
  } catch (error) {
    if (hasErrno(error, "ESRCH", "EBADF")) return undefined;
    throw error;
  } finally {
    closeSync(pidfd);
  }
}

/**
 * The wait status of the process behind a pidfd, once somebody has reaped it (PIDFD_GET_INFO, Linux 6.15). Undefined while
 * it lives, and where the kernel cannot tell.
 */
export function exitStatusOf(pidfd: number): number | undefined {
  // struct pidfd_info: mask u64@0 · cgroupid u64@8 · ids u32@16 to 56 · exit_code i32@60
  const info = Buffer.alloc(64);
  info.writeBigUInt64LE(PIDFD_INFO_EXIT, 0);
  try {
    call("int ioctl(int fd, unsigned long request, void *arg)", [pidfd, PIDFD_GET_INFO, info], {
      call: "ioctl PIDFD_GET_INFO",
    });
  } catch (error) {
    if (hasErrno(error, "ENOTTY", "EINVAL", "ESRCH")) return undefined;
    throw error;
  }
  return (info.readBigUInt64LE(0) & PIDFD_INFO_EXIT) === 0n ? undefined : info.readInt32LE(60);
}

/**
 * Resolves when this process has ended, or `abort` says that nobody wants to know any more. Waits in poll(2) on a thread
 * of its own, which is for commands that wait for one thing: a server would run out of threads.
 */
export async function awaitProcess(identity: ProcessIdentity, abort: AbortSignal): Promise<void> {
  const pidfd = openProcess(identity);
  if (pidfd === undefined) return;
  const [reader, writer] = makePipe();
  const wake = (): void => {
    writeSync(writer, "x");
  };
  try {
    // struct pollfd: fd i32@0 · events i16@4 · revents i16@6
    const entries = Buffer.alloc(16);
    for (const [i, fd] of [pidfd, reader].entries()) {
      entries.writeInt32LE(fd, 8 * i);
      entries.writeInt16LE(POLLIN, 8 * i + 4);
    }
    const poll = cFunction("int poll(void *fds, unsigned long count, int timeout)");
    if (abort.aborted) wake();
    else abort.addEventListener("abort", wake, { once: true });
    // Node ends only when all threads of the pool have come back.
    process.once("exit", wake);
    for (let ready = 0; ready <= 0; ) {
      // Again when a signal came in between (EINTR).
      ready = await new Promise<number>((resolve, reject) => {
        poll.async(entries, 2, -1, (error: unknown, count: number) =>
          error === null ? resolve(count) : reject(error),
        );
      });
    }
  } finally {
    process.removeListener("exit", wake);
    abort.removeEventListener("abort", wake);
    for (const fd of [pidfd, reader, writer]) closeSync(fd);
  }
}

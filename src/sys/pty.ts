import { closeSync, readdirSync, readlinkSync } from "node:fs";
import { SetupError } from "../core/errors.ts";
import { call } from "./call.ts";

const SYS_pidfd_open = 434;
const SYS_pidfd_getfd = 438;
const TIOCSWINSZ = 0x5414;
const FIONREAD = 0x541b;
const TIOCGPTPEER = 0x5441;
const O_RDWR = 0o2;
const O_NOCTTY = 0o400;
const O_CLOEXEC = 0o2000000;

/** FIONREAD: how many bytes can be read from a pipe, FIFO or terminal at once. */
export function readableBytes(fd: number): number {
  const count = Buffer.alloc(4);
  call("int ioctl(int fd, unsigned long request, void *arg)", [fd, FIONREAD, count], {
    call: "ioctl FIONREAD",
  });
  return count.readInt32LE(0);
}

/** TIOCSWINSZ: gives a terminal a size; its foreground job gets SIGWINCH when it changes. */
export function resizeTerminal(fd: number, rows: number, columns: number): void {
  const size = Buffer.alloc(8);
  size.writeUInt16LE(rows, 0);
  size.writeUInt16LE(columns, 2);
  call("int ioctl(int fd, unsigned long request, void *arg)", [fd, TIOCSWINSZ, size], {
    call: "ioctl TIOCSWINSZ",
  });
}

/**
 * TIOCGPTPEER: opens the inner end of the pseudo terminal whose outer end is `master`. While it is open the outer end
 * sees no hang-up, also when every program of the container has closed its own. The caller closes it.
 */
export function holdTerminal(master: number): number {
  return call(
    "int ioctl(int fd, unsigned long request, long arg)",
    [master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC],
    { call: "ioctl TIOCGPTPEER" },
  );
}

/**
 * A copy of the outer end of a pseudo terminal that process `pid` has open (pidfd_getfd(2), Linux 5.6), close-on-exec.
 * @throws SetupError when it has none.
 */
export function copyTerminalOf(pid: number): number {
  const theirs = readdirSync(`/proc/${pid}/fd`).find((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`).endsWith("ptmx");
    } catch {
      return false;
    }
  });
  if (theirs === undefined) throw new SetupError(`process ${pid} has no terminal`);
  const prototype = "long syscall(long number, long a, long b, long c)";
  const pidfd = call(prototype, [SYS_pidfd_open, pid, 0, 0], { call: "pidfd_open" });
  try {
    return call(prototype, [SYS_pidfd_getfd, pidfd, Number(theirs), 0], { call: "pidfd_getfd" });
  } finally {
    closeSync(pidfd);
  }
}

import { bytes, cell, words } from "../data.ts";
import { mountFlags, openFlags } from "../flags.ts";
import type { PartName, ProgramBuilder, Step } from "../step.ts";
import { duplicate, mknodFile, open } from "./file.ts";
import { mount } from "./mount.ts";
import { ioctl } from "./process.ts";

const TIOCSPTLCK = 0x40045431;
const TIOCGPTPEER = 0x5441;
const TIOCSCTTY = 0x540e;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_NOSIGNAL = 0x4000;

/** Where the child keeps the two ends of its terminal, so that later steps and paths can name them. */
const masterFd = 200;
const slaveFd = 201;

/** sendmsg(2) of one byte and one descriptor (SCM_RIGHTS). struct cmsghdr: len u64@0 · level i32@8 · type i32@12 · data@16 */
function passDescriptor(socket: number, fd: number, reason: string): Step {
  const control = Buffer.alloc(24);
  control.writeBigUInt64LE(20n, 0);
  control.writeInt32LE(SOL_SOCKET, 8);
  control.writeInt32LE(SCM_RIGHTS, 12);
  control.writeInt32LE(fd, 16);
  const payload = words([bytes(Buffer.from([1])), 1]);
  const header = words([0, 0, payload, 1, bytes(control), control.length, 0]);
  return {
    kind: "syscall",
    call: "sendmsg",
    args: [socket, header, MSG_NOSIGNAL],
    text: () => `sendmsg(${socket}, {SCM_RIGHTS, [${fd}]}, MSG_NOSIGNAL)`,
    reason,
    label: "pass the terminal",
  };
}

/**
 * recvmsg(2) of one byte and the descriptor that comes with it, which stays open in whoever runs this: until then it
 * waits. A sender that has gone, or has none to give, is no failure.
 */
export function receiveDescriptor(socket: number, reason: string): Step {
  const payload = words([cell(8), 1]);
  const header = words([0, 0, payload, 1, cell(24), 24, 0]);
  return {
    kind: "syscall",
    call: "recvmsg",
    args: [socket, header, 0],
    tolerate: ["ECONNRESET"],
    text: () => `recvmsg(${socket}, {SCM_RIGHTS, [fd]}, 0)`,
    reason,
    label: "receive the terminal",
  };
}

/**
 * Opens a pseudo terminal of the container's own devpts, binds its inner end on /dev/console and passes the outer end
 * to the parent over `socket`. Runs in part child, after /dev is mounted.
 */
export function openTerminal(builder: ProgramBuilder, socket: number, uid: number): void {
  const flags = openFlags.O_RDWR | openFlags.O_NOCTTY;
  const master = builder.add(
    "child",
    open("/dev/pts/ptmx", flags, { reason: "the outer end of a new terminal", label: "open a terminal" }),
  );
  builder.add("child", duplicate(master, masterFd, "at a number that the next steps can name"));
  builder.add(
    "child",
    ioctl(masterFd, TIOCSPTLCK, "TIOCSPTLCK, [0]", cell(4), "let the inner end be opened"),
  );
  const slave = builder.add(
    "child",
    ioctl(
      masterFd,
      TIOCGPTPEER,
      "TIOCGPTPEER, O_RDWR|O_NOCTTY",
      flags,
      "the inner end, without a path to trust",
    ),
  );
  builder.add("child", duplicate(slave, slaveFd, "at a number that the next steps can name"));
  if (uid !== 0) {
    builder.add("child", {
      kind: "syscall",
      call: "fchown",
      args: [slaveFd, uid, 5],
      text: () => `fchown(${slaveFd}, ${uid}, 5)`,
      reason: "the terminal belongs to its user",
      label: "own the terminal",
    });
  }
  builder.add("child", mknodFile("/dev/console", 0o600, "a place for the console"));
  builder.add(
    "child",
    mount({
      source: `/proc/self/fd/${slaveFd}`,
      target: "/dev/console",
      flags: mountFlags.MS_BIND,
      reason: "the console is this terminal",
      label: "bind the terminal on /dev/console",
    }),
  );
  builder.add("child", passDescriptor(socket, masterFd, "the parent reads and writes the outer end"));
}

/** Makes the terminal the command's stdin, stdout, stderr and controlling terminal; the command leads its session. */
export function takeTerminal(builder: ProgramBuilder, part: PartName): void {
  for (const fd of [0, 1, 2])
    builder.add(part, duplicate(slaveFd, fd, "stdin, stdout and stderr are the terminal"));
  builder.add(
    part,
    ioctl(0, TIOCSCTTY, "TIOCSCTTY, 0", 0, "job control: Ctrl-C and Ctrl-Z reach the foreground job"),
  );
}

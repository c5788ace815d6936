import { bytes, cell, text, words } from "../data.ts";
import { mountFlags, openFlags } from "../flags.ts";
import type { PartName, ProgramBuilder, Step, StepRef } from "../step.ts";
import { expectValue } from "./check.ts";
import { duplicate, mknodFile, open } from "./file.ts";
import { mount } from "./mount.ts";
import { ioctl } from "./process.ts";

const TIOCSPTLCK = 0x40045431;
const TIOCGPTPEER = 0x5441;
const TIOCSCTTY = 0x540e;
const TIOCSWINSZ = 0x5414;
const AT_FDCWD = -100;
const RESOLVE_NO_SYMLINKS = 0x4;
const DEVPTS_SUPER_MAGIC = 0x1cd1n;
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

/** Unlocks the inner end of the pseudo terminal `master`, opens it, and gives it to its user. */
function openPair(builder: ProgramBuilder, master: StepRef, uid: number): void {
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
      openFlags.O_RDWR | openFlags.O_NOCTTY,
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
}

const forParent = "the parent reads and writes the outer end";

/**
 * Opens a pseudo terminal of the container's own devpts, binds its inner end on /dev/console and passes the outer end
 * to the parent over `socket`. Runs in part child, after /dev is mounted.
 */
export function openTerminal(builder: ProgramBuilder, socket: number, uid: number): void {
  const common = { reason: "the outer end of a new terminal", label: "open a terminal" };
  const master = builder.add("child", open("/dev/pts/ptmx", openFlags.O_RDWR | openFlags.O_NOCTTY, common));
  openPair(builder, master, uid);
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
  builder.add("child", passDescriptor(socket, masterFd, forParent));
}

/** openat2(2) and fstatfs(2): the devpts of a container that has been running, whatever it may have put in its place. */
function openContainersPtmx(builder: ProgramBuilder): StepRef {
  const label = "open a terminal";
  const reason = "the container may have put anything there: only a devpts will do";
  const how = words([
    openFlags.O_RDWR | openFlags.O_NOCTTY | openFlags.O_NONBLOCK | openFlags.O_CLOEXEC,
    0,
    RESOLVE_NO_SYMLINKS,
  ]);
  const master = builder.add("child", {
    kind: "syscall",
    call: "openat2",
    args: [AT_FDCWD, text("/dev/pts/ptmx"), how, 24],
    text: () =>
      'openat2(AT_FDCWD, "/dev/pts/ptmx", {O_RDWR|O_NOCTTY|O_NONBLOCK|O_CLOEXEC, RESOLVE_NO_SYMLINKS}, 24)',
    reason: "the outer end of a new terminal; links are not followed",
    label,
  });
  const about = cell(128);
  builder.add("child", {
    kind: "syscall",
    call: "fstatfs",
    args: [master, about],
    text: () => "fstatfs(fd, &about)",
    reason,
    label,
  });
  const data = { data: about, width: 8, value: DEVPTS_SUPER_MAGIC };
  builder.add(
    "child",
    expectValue({ ...data, errno: "EXDEV", text: "about.f_type == DEVPTS_SUPER_MAGIC", reason, label }),
  );
  return master;
}

/**
 * Opens one more pseudo terminal in a container that has been running, gives it its size and passes the outer end to the
 * parent over `socket`.
 */
export function openFurtherTerminal(
  builder: ProgramBuilder,
  socket: number,
  uid: number,
  size: { readonly rows: number; readonly columns: number } | undefined,
): void {
  openPair(builder, openContainersPtmx(builder), uid);
  if (size !== undefined) {
    // struct winsize: rows u16@0 · columns u16@2
    const window = Buffer.alloc(8);
    window.writeUInt16LE(size.rows, 0);
    window.writeUInt16LE(size.columns, 2);
    const shown = `TIOCSWINSZ, {${size.rows}, ${size.columns}}`;
    builder.add(
      "child",
      ioctl(masterFd, TIOCSWINSZ, shown, bytes(window), "before the command can see a terminal of no size"),
    );
  }
  builder.add("child", passDescriptor(socket, masterFd, forParent));
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

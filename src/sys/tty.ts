import { hasErrno } from "../core/errors.ts";
import { call } from "./call.ts";

const TIOCGWINSZ = 0x5413;
const TIOCSWINSZ = 0x5414;
const TIOCGPGRP = 0x540f;
const TIOCGPTPEER = 0x5441;
const O_RDWR = 0o2;
const O_NOCTTY = 0o400;
const O_CLOEXEC = 0o2000000;
const TCSANOW = 0;
/** More than struct termios takes. */
const termiosSize = 128;

interface WindowSize {
  readonly rows: number;
  readonly columns: number;
}

/** TIOCGWINSZ: the size of the terminal `fd`; a terminal that does not know answers 0 by 0. */
export function windowSize(fd: number): WindowSize {
  const size = Buffer.alloc(8);
  call("int ioctl(int fd, unsigned long request, void *arg)", [fd, TIOCGWINSZ, size], {
    call: "ioctl TIOCGWINSZ",
  });
  return { rows: size.readUInt16LE(0), columns: size.readUInt16LE(2) };
}

/** TIOCSWINSZ: sets the size; the foreground process group is told by SIGWINCH. */
function setWindowSize(fd: number, { rows, columns }: WindowSize): void {
  const size = Buffer.alloc(8);
  size.writeUInt16LE(rows, 0);
  size.writeUInt16LE(columns, 2);
  call("int ioctl(int fd, unsigned long request, void *arg)", [fd, TIOCSWINSZ, size], {
    call: "ioctl TIOCSWINSZ",
  });
}

/** Gives terminal `to` the size of terminal `from`; if that is none, or gone, it keeps its own. */
export function copyWindowSize(from: number, to: number): void {
  try {
    setWindowSize(to, windowSize(from));
  } catch (error) {
    if (!hasErrno(error, "ENOTTY", "EIO", "EBADF")) throw error;
  }
}

/** TIOCGPTPEER: opens the inner end of the pseudo terminal whose outer end is `master`. The caller closes it. */
export function openInnerEnd(master: number): number {
  return call(
    "int ioctl(int fd, unsigned long request, long arg)",
    [master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC],
    { call: "ioctl TIOCGPTPEER" },
  );
}

/** Whether another job has the terminal `fd` in its hands: whoever then changes its settings is stopped (SIGTTOU). */
function inBackground(fd: number): boolean {
  const group = Buffer.alloc(4);
  try {
    call("int ioctl(int fd, unsigned long request, void *arg)", [fd, TIOCGPGRP, group], {
      call: "ioctl TIOCGPGRP",
    });
  } catch (error) {
    // Not the terminal of our session: no job control on it for us.
    if (hasErrno(error, "ENOTTY", "EIO", "EBADF")) return false;
    throw error;
  }
  return group.readInt32LE(0) !== call("int getpgrp(void)", [], { call: "getpgrp" });
}

/** The settings of a terminal, to be changed and given back. */
export interface TerminalSettings {
  /** Raw mode (cfmakeraw(3)): every key is passed on, none means anything. Stops us (SIGTTOU) in the background. */
  readonly makeRaw: () => void;
  /** As they were. Nothing when the terminal is gone, or another job has it now: that one's own settings hold. */
  readonly restore: () => void;
}

/** The settings of terminal `fd` as they are now; nothing is done to a terminal that is gone. */
export function terminalSettings(fd: number): TerminalSettings {
  const saved = Buffer.alloc(termiosSize);
  const unlessGone = (act: () => void): void => {
    try {
      act();
    } catch (error) {
      if (!hasErrno(error, "EIO", "ENOTTY", "EBADF")) throw error;
    }
  };
  const apply = (settings: Buffer): void => {
    call("int tcsetattr(int fd, int actions, void *termios)", [fd, TCSANOW, settings], { call: "tcsetattr" });
  };
  let known = false;
  unlessGone(() => {
    call("int tcgetattr(int fd, void *termios)", [fd, saved], { call: "tcgetattr" });
    known = true;
  });
  const raw = Buffer.from(saved);
  // struct termios: iflag u32@0 · oflag u32@4 · cflag u32@8 · lflag u32@12, as cfmakeraw(3) changes them; VMIN, VTIME.
  raw.writeUInt32LE((raw.readUInt32LE(0) & ~0o2753) >>> 0, 0);
  raw.writeUInt32LE((raw.readUInt32LE(4) & ~0o1) >>> 0, 4);
  raw.writeUInt32LE(((raw.readUInt32LE(8) & ~0o460) | 0o60) >>> 0, 8);
  raw.writeUInt32LE((raw.readUInt32LE(12) & ~0o100113) >>> 0, 12);
  raw.writeUInt8(0, 17 + 5);
  raw.writeUInt8(1, 17 + 6);
  return {
    makeRaw: () => {
      if (known) unlessGone(() => apply(raw));
    },
    restore: () => {
      if (known && !inBackground(fd)) unlessGone(() => apply(saved));
    },
  };
}

import { hasErrno } from "../core/errors.ts";
import { call } from "./call.ts";

const TIOCGWINSZ = 0x5413;
const TIOCSWINSZ = 0x5414;
const TCSANOW = 0;
/** More than struct termios takes. */
const termiosSize = 128;

interface WindowSize {
  readonly rows: number;
  readonly columns: number;
}

/** TIOCGWINSZ: the size of the terminal `fd`; a terminal that does not know answers 0 by 0. */
function windowSize(fd: number): WindowSize {
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

/** Puts the terminal `fd` into raw mode (cfmakeraw(3)) and returns what gives it its settings back. */
export function makeRaw(fd: number): () => void {
  const saved = Buffer.alloc(termiosSize);
  call("int tcgetattr(int fd, void *termios)", [fd, saved], { call: "tcgetattr" });
  const raw = Buffer.from(saved);
  // struct termios: iflag u32@0 · oflag u32@4 · cflag u32@8 · lflag u32@12, as cfmakeraw(3) changes them; VMIN, VTIME.
  raw.writeUInt32LE((raw.readUInt32LE(0) & ~0o2753) >>> 0, 0);
  raw.writeUInt32LE((raw.readUInt32LE(4) & ~0o1) >>> 0, 4);
  raw.writeUInt32LE(((raw.readUInt32LE(8) & ~0o460) | 0o60) >>> 0, 8);
  raw.writeUInt32LE((raw.readUInt32LE(12) & ~0o100113) >>> 0, 12);
  raw.writeUInt8(0, 17 + 5);
  raw.writeUInt8(1, 17 + 6);
  call("int tcsetattr(int fd, int actions, void *termios)", [fd, TCSANOW, raw], { call: "tcsetattr" });
  return () => {
    call("int tcsetattr(int fd, int actions, void *termios)", [fd, TCSANOW, saved], { call: "tcsetattr" });
  };
}

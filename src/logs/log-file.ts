import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  write,
  writeSync,
} from "node:fs";
import { basename } from "node:path";
import { hasErrno, messageOf } from "../core/errors.ts";
import { join } from "../core/join.ts";

const newline = 0x0a;
const blockSize = 64 * 1024;

/** The file that a container's output is written to; the older ones have `.1`, `.2` ... after it. */
export function logPath(directory: string): string {
  return join(directory, `${basename(directory)}-json.log`);
}

/** Messages could not be written: the last `lost` ones. The file ends with the last one that could. */
export class LogWriteError extends Error {
  readonly lost: number;
  /** Not even the first one could. */
  readonly all: boolean;
  constructor(lost: number, all: boolean, cause: unknown) {
    super(messageOf(cause), { cause });
    this.lost = lost;
    this.all = all;
  }
}

/** How files are written: the two calls that a slow disk holds up. */
export interface Disk {
  writeSync(fd: number, bytes: Buffer, offset: number, length: number): number;
  write(fd: number, bytes: Buffer, offset: number, length: number): Promise<number>;
}

export const realDisk: Disk = {
  writeSync,
  write: (fd, bytes, offset, length) =>
    new Promise((resolve, reject) => {
      write(fd, bytes, offset, length, null, (error, written) => {
        if (error === null) resolve(written);
        else reject(error);
      });
    }),
};

function create(path: string, truncate: number): number {
  const flags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | truncate;
  return openSync(path, flags, 0o640);
}

function inodeOf(fd: number): bigint {
  return fstatSync(fd, { bigint: true }).ino;
}

/**
 * Cuts off a last line that a writer which was killed, or a power failure, has left without its end. One that lacks
 * nothing but its newline gets it. Returns the size.
 */
function mend(fd: number): number {
  const { size } = fstatSync(fd);
  const block = Buffer.allocUnsafe(blockSize);
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - blockSize);
    const length = readSync(fd, block, 0, end - start, start);
    const last = block.subarray(0, length).lastIndexOf(newline);
    if (last < 0 && start > 0) {
      end = start;
      continue;
    }
    const whole = start + last + 1;
    if (whole === size) return size;
    const torn = Buffer.allocUnsafe(size - whole);
    readSync(fd, torn, 0, torn.length, whole);
    if (
      /^\{"log":".*","stream":"std(out|err)",("attrs":\{.*\},)?"time":"[^"]*"\}$/.test(
        torn.toString("latin1"),
      )
    ) {
      return size + writeSync(fd, "\n");
    }
    ftruncateSync(fd, whole);
    return whole;
  }
  return size;
}

/** The files of one container's log: appends whole lines, and rotates. */
export class LogFile {
  readonly #path: string;
  readonly #maxFile: number;
  readonly #disk: Disk;
  #fd: number;
  /** Bytes in the file that is written. */
  size: number;
  /** Which file that is. */
  inode: bigint;

  /** @throws what open(2) says. */
  constructor(path: string, maxFile: number, disk: Disk) {
    this.#path = path;
    this.#maxFile = maxFile;
    this.#disk = disk;
    this.#fd = create(path, 0);
    this.size = mend(this.#fd);
    this.inode = inodeOf(this.#fd);
  }

  /** Appends `length` bytes of whole lines. @throws LogWriteError */
  write(bytes: Buffer, length: number): void {
    let at = 0;
    try {
      while (at < length) at += this.#disk.writeSync(this.#fd, bytes, at, length - at);
    } catch (error) {
      this.#cut(bytes, at, length, error);
    }
    this.size += length;
  }

  /** The same, while others have their turn: `bytes` must stay as they are. @throws LogWriteError */
  async writeLater(bytes: Buffer, length: number): Promise<void> {
    let at = 0;
    try {
      while (at < length) at += await this.#disk.write(this.#fd, bytes, at, length - at);
    } catch (error) {
      this.#cut(bytes, at, length, error);
    }
    this.size += length;
  }

  /** Takes back the part of a line that was written before `cause`. */
  #cut(bytes: Buffer, written: number, length: number, cause: unknown): never {
    const whole = written === 0 ? 0 : bytes.lastIndexOf(newline, written - 1) + 1;
    // Not the size that we know of: somebody may have emptied the file.
    this.size = Math.max(0, fstatSync(this.#fd).size - (written - whole));
    if (whole < written) ftruncateSync(this.#fd, this.size);
    let lost = 0;
    for (let at = whole; at < length; at = bytes.indexOf(newline, at) + 1) lost += 1;
    throw new LogWriteError(lost, whole === 0, cause);
  }

  /**
   * Begins a new file. The old one has been written for the last time before the new one can be found: whoever reads
   * the old one to its end after that has missed nothing. @throws what the file system says; nothing is lost then.
   */
  rotate(): void {
    // First what may fail on a full disk.
    const next = `${this.#path}.next`;
    const fd = create(next, constants.O_TRUNC);
    try {
      for (let number = this.#maxFile - 1; number > 0; number--) {
        try {
          renameSync(number === 1 ? this.#path : `${this.#path}.${number - 1}`, `${this.#path}.${number}`);
        } catch (error) {
          if (!hasErrno(error, "ENOENT")) throw error;
        }
      }
      renameSync(next, this.#path);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    closeSync(this.#fd);
    this.#fd = fd;
    this.size = 0;
    this.inode = inodeOf(fd);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

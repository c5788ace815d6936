import { closeSync, constants, fstatSync, openSync, readdirSync, type Stats, statfsSync } from "node:fs";
import { hasErrno, SyscallError } from "../core/errors.ts";
import { pathBytes, pathText, type RawPath } from "../core/raw-path.ts";
import { call } from "./call.ts";

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
/** Not among Node's constants; the same number on x86_64 and arm64. */
const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;
/** openat2(2) on x86_64 and arm64. */
const SYS_openat2 = 437;
const AT_SYMLINK_NOFOLLOW = 0x100;
const STATX_ATTR_MOUNT_ROOT = 0x2000n;
const RESOLVE_NO_MAGICLINKS = 0x2;
const RESOLVE_NO_SYMLINKS = 0x4;
const RESOLVE_BENEATH = 0x8;
const RESOLVE_IN_ROOT = 0x10;

/** How a path below a directory is resolved, see openat2(2); magic links of procfs are followed in no case. */
export const resolution: {
  /** The directory is the root: absolute links and `..` stay inside. */
  readonly inRoot: number;
  /** No link on the way is followed, and nothing leads out. */
  readonly strict: number;
} = { inRoot: RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS, strict: RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };

/** How often a lookup is tried again that a rename elsewhere has disturbed: a hostile one could go on for ever. */
const attempts = 200;

/** openat2(2) with O_PATH: a descriptor that stands for a place, and does nothing to it. */
function openPlace(directory: number, path: RawPath, flags: number, resolve: number): number {
  const terminated = Buffer.from(`${path}\0`, "latin1");
  // struct open_how: flags u64@0 · mode u64@8 · resolve u64@16
  const how = Buffer.alloc(24);
  how.writeBigUInt64LE(BigInt(flags | O_PATH | O_CLOEXEC), 0);
  how.writeBigUInt64LE(BigInt(resolve), 16);
  const prototype = "long syscall(long number, int dirfd, const void *path, void *how, size_t size)";
  for (let attempt = 1; ; attempt += 1) {
    try {
      return call(prototype, [SYS_openat2, directory, terminated, how, 24], {
        call: "openat2",
        subject: pathText(path),
      });
    } catch (error) {
      if (!hasErrno(error, "EAGAIN") || attempt === attempts) throw error;
    }
  }
}

/** Something found below a directory, pinned by an O_PATH descriptor: whoever renames it, this stays what was found. */
export interface Pinned {
  readonly fd: number;
  readonly stat: Stats;
}

/**
 * An open directory, and what is in it by single names. Paths are of the form /proc/self/fd/N/NAME, which the kernel
 * resolves from the descriptor: nobody who renames things above, or puts a symbolic link in their place, can lead them
 * elsewhere. Symbolic links are never followed.
 */
export class Directory {
  readonly fd: number;
  #open = true;

  /** Takes over an open directory; O_PATH will do. */
  constructor(fd: number) {
    this.fd = fd;
  }

  /** A directory of the host by its usual path. */
  static host(path: string | Buffer): Directory {
    return new Directory(openSync(path, O_PATH | O_DIRECTORY | O_CLOEXEC));
  }

  /** The path of an entry for Node's file calls that do not follow links: lstat, unlink, mkdir, symlink, lutimes... */
  entry(name: RawPath): string | Buffer {
    if (name === "" || name === "." || name === ".." || name.includes("/") || name.includes("\0")) {
      throw new SyscallError({ call: "open", errno: "EINVAL", subject: JSON.stringify(pathText(name)) });
    }
    return pathBytes(`/proc/self/fd/${this.fd}/${name}`);
  }

  /** The directory itself for Node's file calls. */
  get self(): string {
    return `/proc/self/fd/${this.fd}/.`;
  }

  /** The names in it, sorted by their bytes. */
  names(): RawPath[] {
    return readdirSync(this.self, "latin1").sort((a, b) => (a < b ? -1 : 1));
  }

  /** Pins an entry, whatever it is; undefined when there is none. The caller closes it. */
  pin(name: RawPath): Pinned | undefined {
    let fd: number;
    try {
      fd = openSync(this.entry(name), O_PATH | O_NOFOLLOW | O_CLOEXEC);
    } catch (error) {
      if (hasErrno(error, "ENOENT", "ENOTDIR")) return undefined;
      throw error;
    }
    return { fd, stat: fstatSync(fd) };
  }

  /** Opens a directory in it. @throws ENOTDIR for anything else, also for a link to one; ENOENT. */
  child(name: RawPath): Directory {
    return new Directory(openSync(this.entry(name), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  }

  /**
   * Pins what `path` leads to; see {@link resolution}. A link at its end is pinned itself, unless `follow`.
   * @throws SyscallError with openat2(2)'s errno.
   */
  resolve(path: RawPath, how: number, follow: boolean): Pinned {
    const fd = openPlace(this.fd, path === "" ? "." : path, follow ? 0 : O_NOFOLLOW, how);
    return { fd, stat: fstatSync(fd) };
  }

  /** Opens the directory that `path` leads to, links followed as `how` allows. @throws SyscallError */
  descend(path: RawPath, how: number): Directory {
    return new Directory(openPlace(this.fd, path === "" ? "." : path, O_DIRECTORY, how));
  }

  /** Makes a device node or a FIFO: `mode` with the type's bits of stat(2). */
  makeNode(name: RawPath, mode: number, major: number, minor: number): void {
    this.entry(name);
    // makedev(3) for numbers of up to 12 and 20 bits.
    const device = (minor & 0xff) | ((major & 0xfff) << 8) | ((minor & 0xfff00) << 12);
    call(
      "int mknodat(int dirfd, const void *path, unsigned int mode, unsigned long device)",
      [this.fd, Buffer.from(`${name}\0`, "latin1"), mode, device >>> 0],
      { call: "mknod", subject: pathText(name) },
    );
  }

  /** The same directory by a descriptor of its own. */
  again(): Directory {
    return new Directory(openPlace(this.fd, ".", O_DIRECTORY, resolution.inRoot));
  }

  /** The number of the device it is on. */
  get device(): number {
    return fstatSync(this.fd).dev;
  }

  /** The type of the filesystem it is on, see statfs(2). */
  get filesystem(): number {
    return statfsSync(this.self).type;
  }

  /** Whether something is mounted on the entry (Linux 5.8 tells). */
  isMountPoint(name: RawPath): boolean {
    this.entry(name);
    return isMountRoot(this.fd, name);
  }

  /** Closes it; may be called twice. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.fd);
  }
}

/** statx(2): whether `name` in the directory `fd` is the root of a mount. */
function isMountRoot(fd: number, name: RawPath): boolean {
  // struct statx: ... attributes u64@8 ...
  const about = Buffer.alloc(256);
  call(
    "int statx(int dirfd, const void *path, int flags, unsigned int mask, void *about)",
    [fd, Buffer.from(`${name}\0`, "latin1"), AT_SYMLINK_NOFOLLOW, 0, about],
    { call: "statx", subject: pathText(name) },
  );
  return (about.readBigUInt64LE(8) & STATX_ATTR_MOUNT_ROOT) !== 0n;
}

/** Opens a pinned thing for reading: a regular file at once, never waiting. @throws Node's error */
export function reopen(fd: number, flags: number = O_RDONLY): number {
  return openSync(`/proc/self/fd/${fd}`, flags | constants.O_NONBLOCK | constants.O_NOCTTY | O_CLOEXEC);
}

/** What a pinned symbolic link says (readlinkat(2)). */
export function linkTarget(fd: number): RawPath {
  const target = Buffer.alloc(4096);
  const length = call(
    "long readlinkat(int dirfd, const char *path, _Out_ void *target, size_t size)",
    [fd, "", target, target.length],
    { call: "readlink" },
  );
  return target.toString("latin1", 0, length);
}

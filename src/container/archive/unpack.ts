import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  futimesSync,
  lchownSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { posix } from "node:path";
import {
  ConflictError,
  hasErrno,
  messageOf,
  SetupError,
  SyscallError,
  UsageError,
} from "../../core/errors.ts";
import { pathBytes, type RawPath } from "../../core/raw-path.ts";
import { ownable } from "../../core/rootless.ts";
import type { Directory, Pinned } from "../../sys/directory.ts";
import { setAttribute } from "../../sys/xattr.ts";
import type { ArchiveEntry } from "./entry.ts";
import { shown } from "./shown.ts";

const { O_WRONLY, O_RDONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_DIRECTORY } = constants;
const S_IFCHR = 0o20000;
const S_IFBLK = 0o60000;
const S_IFIFO = 0o10000;

/** How entries are taken. */
export interface UnpackOptions {
  /** Opens the directory with this path below the place that is unpacked into, resolved so that nothing leads out. */
  readonly open: (path: RawPath) => Directory;
  /** `theirs`: as the entries say. `ours`: what is made belongs to us, has no special rights and is no device. */
  readonly owner: "theirs" | "ours" | { readonly uid: number; readonly gid: number };
  /** Whether a directory may take the place of something else, or something else that of a directory. */
  readonly replaceDirectories: boolean;
  /** Told, in one line, of what is left out. */
  readonly note?: ((line: string) => void) | undefined;
}

/** A name without `.`, `..` and doubled slashes, relative. @throws UsageError for one that leads out. */
function inner(name: RawPath, what: string): RawPath {
  const clean = posix.normalize(`./${name}`).replace(/\/$/, "");
  if (clean === ".." || clean.startsWith("../"))
    throw new UsageError(`${what} ${shown(name)} leads out of the archive's place`);
  return clean;
}

function splitPath(path: RawPath): { readonly parent: RawPath; readonly name: RawPath } {
  const slash = path.lastIndexOf("/");
  return slash < 0
    ? { parent: "", name: path }
    : { parent: path.slice(0, slash), name: path.slice(slash + 1) };
}

/** Attributes of the overlay itself and of others of the kernel's are not an archive's to set. */
const settable = /^(security\.capability|user\..*|system\.posix_acl_(access|default))$/;

/** Puts entries into a tree; see {@link unpack}. */
class Unpacker {
  readonly #options: UnpackOptions;
  /** The directory of the last entry: mostly the next one's, too. */
  #last: { readonly path: RawPath; readonly directory: Directory } | undefined;
  /** Directories whose times are set at the end: each thing that is put into one changes them. */
  readonly #times: { readonly path: RawPath; readonly mtime: number }[] = [];
  #bytes = 0;

  constructor(options: UnpackOptions) {
    this.#options = options;
  }

  get bytes(): number {
    return this.#bytes;
  }

  close(): void {
    this.#last?.directory.close();
    this.#last = undefined;
  }

  /** Opens the directory `path`, made when missing, with those above it. */
  #parent(path: RawPath): Directory {
    if (this.#last?.path === path) return this.#last.directory;
    this.close();
    let directory: Directory;
    try {
      directory = this.#options.open(path);
    } catch (error) {
      if (path === "" || !hasErrno(error, "ENOENT")) throw error;
      const { parent, name } = splitPath(path);
      const above = this.#parent(parent);
      try {
        mkdirSync(above.entry(name), 0o755);
      } catch (cause) {
        if (!hasErrno(cause, "EEXIST")) throw cause;
        throw new UsageError(
          `${shown(path)} is a link that leads to nothing inside: nothing can be put there`,
          {
            cause,
          },
        );
      }
      this.#own(above, name);
      directory = this.#options.open(path);
    }
    this.close();
    this.#last = { path, directory };
    return directory;
  }

  #ids({ uid, gid }: ArchiveEntry): { readonly uid: number; readonly gid: number } | undefined {
    const { owner } = this.#options;
    if (owner === "ours") return undefined;
    return owner === "theirs" ? { uid: ownable(uid), gid: ownable(gid) } : owner;
  }

  /** Who asked for one owner of all means the directories too that are made on the way. */
  #own(directory: Directory, name: RawPath): void {
    const { owner } = this.#options;
    if (typeof owner === "object") lchownSync(directory.entry(name), owner.uid, owner.gid);
  }

  /** What belongs to us must not lend our rights to others. */
  #mode({ mode }: ArchiveEntry): number {
    return this.#options.owner === "ours" ? mode & 0o1777 : mode;
  }

  /** Makes room for an entry; true when a directory is there that it is merged into. */
  #clear(entry: ArchiveEntry, directory: Directory, name: RawPath): boolean {
    const pinned = directory.pin(name);
    if (pinned === undefined) return false;
    closeSync(pinned.fd);
    const there = pinned.stat.isDirectory();
    const wanted = entry.kind === "directory";
    if (there && wanted) return true;
    if (!this.#options.replaceDirectories && there !== wanted) {
      const [old, next] = there ? ["directory", "non-directory"] : ["non-directory", "directory"];
      throw new ConflictError(`cannot overwrite ${old} ${shown(entry.name)} with ${next}`);
    }
    remove(directory, name, pinned);
    return false;
  }

  async put(entry: ArchiveEntry): Promise<void> {
    const path = inner(entry.name, "name");
    if (path === ".") {
      // The place itself: it is there, and stays as it is.
      if (entry.kind !== "directory")
        throw new UsageError(`${shown(entry.name)} cannot take the archive's place`);
      return;
    }
    if (this.#options.owner === "ours" && (entry.kind === "character" || entry.kind === "block")) {
      this.#options.note?.(`${shown(entry.name)}: a device, left out`);
      return;
    }
    const { parent, name } = splitPath(path);
    const directory = this.#parent(parent);
    const merges = this.#clear(entry, directory, name);
    await this.#make(entry, path, directory, name, merges);
  }

  async #make(
    entry: ArchiveEntry,
    path: RawPath,
    directory: Directory,
    name: RawPath,
    merges: boolean,
  ): Promise<void> {
    const at = directory.entry(name);
    switch (entry.kind) {
      case "file":
        return this.#file(entry, directory, name);
      case "directory": {
        if (!merges) mkdirSync(at, 0o700);
        withDirectory(directory, name, (fd) => this.#finish(entry, fd));
        this.#times.push({ path, mtime: secondsOf(entry) });
        return;
      }
      case "symlink":
        symlinkSync(pathBytes(entry.target), at);
        return this.#finishLink(entry, at);
      case "link":
        return this.#link(entry, directory, name);
      case "fifo":
      case "character":
      case "block": {
        if (entry.major > 0xfff || entry.minor > 0xfffff)
          throw new UsageError(
            `${shown(entry.name)}: no device has the numbers ${entry.major}:${entry.minor}`,
          );
        const type = entry.kind === "fifo" ? S_IFIFO : entry.kind === "block" ? S_IFBLK : S_IFCHR;
        directory.makeNode(name, type | this.#mode(entry), entry.major, entry.minor);
        return this.#finishNode(entry, directory, name);
      }
      default:
        return entry.kind satisfies never;
    }
  }

  async #file(entry: ArchiveEntry, directory: Directory, name: RawPath): Promise<void> {
    const fd = openSync(directory.entry(name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    try {
      for await (const chunk of entry.content ?? []) {
        for (let at = 0; at < chunk.length; ) at += writeSync(fd, chunk, at);
        this.#bytes += chunk.length;
      }
      this.#finish(entry, fd);
      futimesSync(fd, secondsOf(entry), secondsOf(entry));
    } catch (error) {
      // Half a file is worse than none.
      unlessGone(() => unlinkSync(directory.entry(name)));
      throw error;
    } finally {
      closeSync(fd);
    }
  }

  /** Owner, rights, attributes, in that order: a new owner takes set-user-id and capabilities away. */
  #finish(entry: ArchiveEntry, fd: number): void {
    const ids = this.#ids(entry);
    if (ids !== undefined) fchownSync(fd, ids.uid, ids.gid);
    fchmodSync(fd, this.#mode(entry));
    if (this.#options.owner === "ours") return;
    for (const [key, value] of entry.attributes) {
      if (!settable.test(key)) continue;
      try {
        setAttribute(fd, key, value);
      } catch (error) {
        // Not every filesystem has attributes.
        if (!hasErrno(error, "EOPNOTSUPP", "ENOTSUP", "EPERM")) throw error;
      }
    }
  }

  #finishLink(entry: ArchiveEntry, at: string | Buffer): void {
    const ids = this.#ids(entry);
    if (ids !== undefined) lchownSync(at, ids.uid, ids.gid);
    lutimesSync(at, secondsOf(entry), secondsOf(entry));
  }

  /** chmod(2) follows links: it goes through a descriptor of just this node, which cannot be opened otherwise. */
  #finishNode(entry: ArchiveEntry, directory: Directory, name: RawPath): void {
    const pinned = directory.pin(name);
    if (pinned === undefined) return;
    try {
      const ids = this.#ids(entry);
      const path = `/proc/self/fd/${pinned.fd}`;
      if (ids !== undefined) chownSync(path, ids.uid, ids.gid);
      chmodSync(path, this.#mode(entry));
    } finally {
      closeSync(pinned.fd);
    }
    lutimesSync(directory.entry(name), secondsOf(entry), secondsOf(entry));
  }

  #link(entry: ArchiveEntry, directory: Directory, name: RawPath): void {
    const target = splitPath(inner(entry.target, "link target"));
    const from = this.#options.open(target.parent);
    try {
      // link(2) does not follow a symbolic link at the end: it would be linked itself.
      linkSync(from.entry(target.name), directory.entry(name));
    } finally {
      from.close();
    }
  }

  /** Sets the times of directories, the deepest last made first. */
  finish(): void {
    this.close();
    for (const { path, mtime } of this.#times.reverse()) {
      const { parent, name } = splitPath(path);
      // A later entry, or the running container, may have put something else there.
      unlessGone(() => {
        const directory = this.#options.open(parent);
        try {
          withDirectory(directory, name, (fd) => futimesSync(fd, mtime, mtime));
        } finally {
          directory.close();
        }
      });
    }
  }
}

function unlessGone(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!hasErrno(error, "ENOENT", "ENOTDIR", "ELOOP")) throw error;
  }
}

/** Runs `act` with a directory open that can be changed itself; a link in its place is refused. */
function withDirectory(above: Directory, name: RawPath, act: (fd: number) => void): void {
  const fd = openSync(above.entry(name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    act(fd);
  } finally {
    closeSync(fd);
  }
}

/** The time of an entry, or 1970 for one that no filesystem could keep, as docker has it. */
function secondsOf({ mtime }: ArchiveEntry): number {
  return mtime >= 0 && mtime < 2 ** 34 ? mtime : 0;
}

/** Removes an entry with all that is in it; a mount point stays, and what is mounted there. */
function remove(directory: Directory, name: RawPath, { stat }: Pick<Pinned, "stat">): void {
  if (directory.isMountPoint(name))
    throw new ConflictError(`cannot replace ${shown(name)}: something is mounted on it`);
  if (!stat.isDirectory()) {
    unlinkSync(directory.entry(name));
    return;
  }
  const inside = directory.child(name);
  try {
    for (const below of inside.names()) {
      const pinned = inside.pin(below);
      if (pinned === undefined) continue;
      closeSync(pinned.fd);
      remove(inside, below, pinned);
    }
  } finally {
    inside.close();
  }
  rmdirSync(directory.entry(name));
}

/** The failure of an entry, with its name where the message lacks one. */
function explained(error: unknown, entry: ArchiveEntry): unknown {
  if (error instanceof UsageError) return error;
  const name = shown(entry.name);
  if (hasErrno(error, "ENOSPC", "EDQUOT"))
    return new SetupError(`${name}: no space left on the device`, { cause: error });
  if (hasErrno(error, "EROFS")) return error;
  // Paths of the form /proc/self/fd/N say nothing to people: only the call and what was wrong.
  const message =
    error instanceof SyscallError
      ? `${error.call}: ${error.errno}`
      : messageOf(error).replace(/ '\/proc\/self\/fd\/.*/s, "");
  return new SetupError(`${name}: ${message}`, { cause: error });
}

/**
 * Makes what the entries say, one after the other; what is in the way is replaced, directories are merged. Wherever
 * names and links lead, nothing outside of what `open` opens is touched. Returns the bytes of the files.
 * @throws UsageError for an entry that leads out, ConflictError for one that may not replace what is there, SetupError
 * naming the entry that could not be made; those before it stay.
 */
export async function unpack(entries: AsyncIterable<ArchiveEntry>, options: UnpackOptions): Promise<number> {
  const unpacker = new Unpacker(options);
  try {
    for await (const entry of entries) {
      try {
        await unpacker.put(entry);
      } catch (error) {
        throw explained(error, entry);
      }
    }
    unpacker.finish();
    return unpacker.bytes;
  } finally {
    unpacker.close();
  }
}

import { closeSync, read, type Stats } from "node:fs";
import { SetupError } from "../../core/errors.ts";
import type { RawPath } from "../../core/raw-path.ts";
import { Directory, linkTarget, type Pinned, reopen } from "../../sys/directory.ts";
import { getAttribute } from "../../sys/xattr.ts";
import type { ArchiveEntry, EntryKind } from "./entry.ts";
import { shown } from "./shown.ts";

const chunkSize = 256 * 1024;

/** No path that a program can name has more directories; each takes a descriptor while we are in it. */
const deepest = 2048;

/** The attribute that docker copies: what a program may do beyond its user's rights. */
const capability = "security.capability";

function readChunk(fd: number, buffer: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, buffer, 0, buffer.length, null, (error, length) =>
      error === null ? resolve(length) : reject(error),
    );
  });
}

/** Exactly `size` bytes of a pinned file: one that has become longer is cut, one that has become shorter is filled up. */
async function* contentOf(fd: number, size: number): AsyncGenerator<Buffer> {
  const file = reopen(fd);
  try {
    for (let left = size; left > 0; ) {
      const buffer = Buffer.allocUnsafe(Math.min(chunkSize, left));
      const length = await readChunk(file, buffer);
      // As tar(1) does it: an archive has to keep what its header has promised.
      const piece = length === 0 ? buffer.fill(0) : buffer.subarray(0, length);
      left -= piece.length;
      yield piece;
    }
  } finally {
    closeSync(file);
  }
}

function kindOf(stat: Stats): EntryKind | undefined {
  if (stat.isFile()) return "file";
  if (stat.isDirectory()) return "directory";
  if (stat.isSymbolicLink()) return "symlink";
  if (stat.isFIFO()) return "fifo";
  if (stat.isCharacterDevice()) return "character";
  // A socket means nothing without the process that listens on it.
  return stat.isBlockDevice() ? "block" : undefined;
}

/** Device and inode of a file with more than one name. */
function sharedInode(stat: Stats): string | undefined {
  return stat.isFile() && stat.nlink > 1 ? `${stat.dev}:${stat.ino}` : undefined;
}

/** One pinned thing as an entry; undefined for a socket. `seen` tells what a file with several names was first called. */
function describe(name: RawPath, { fd, stat }: Pinned, seen: Map<string, RawPath>): ArchiveEntry | undefined {
  const kind = kindOf(stat);
  if (kind === undefined) return undefined;
  const isDevice = kind === "character" || kind === "block";
  const attributes = new Map<string, Buffer>();
  const entry: ArchiveEntry = {
    name,
    kind,
    mode: kind === "symlink" ? 0o777 : stat.mode & 0o7777,
    uid: stat.uid,
    gid: stat.gid,
    mtime: stat.mtimeMs / 1000,
    size: 0,
    target: kind === "symlink" ? linkTarget(fd) : "",
    major: isDevice ? (stat.rdev >>> 8) & 0xfff : 0,
    minor: isDevice ? (stat.rdev & 0xff) | ((stat.rdev >>> 12) & 0xfff00) : 0,
    attributes,
    content: undefined,
  };
  if (kind !== "file") return entry;
  const inode = sharedInode(stat);
  const first = inode === undefined ? undefined : seen.get(inode);
  if (first !== undefined) return { ...entry, kind: "link", target: first };
  if (inode !== undefined) seen.set(inode, name);
  // Only what can be executed has it.
  const granted = (stat.mode & 0o111) === 0 ? undefined : getAttribute(fd, capability);
  if (granted !== undefined) attributes.set(capability, granted);
  return { ...entry, size: stat.size, content: contentOf(fd, stat.size) };
}

/** A directory whose entries are being gone through. */
interface Level {
  readonly directory: Directory;
  readonly device: number;
  readonly prefix: RawPath;
  readonly names: RawPath[];
}

/** Takes over `fd`, also when it fails. */
function enter(fd: number, device: number, prefix: RawPath): Level {
  const directory = new Directory(fd);
  try {
    return { directory, device, prefix, names: directory.names().reverse() };
  } catch (error) {
    directory.close();
    throw error;
  }
}

/** Filesystems, by device number, that are passed over when they are mounted in what is walked through. */
export type PassedOver = ReadonlySet<number>;

const nothing: PassedOver = new Set();

/**
 * What lies in a directory, sorted by name, each directory before what is in it; `prefix` goes before every name. No
 * link is followed, nothing is opened but regular files, and what a running container takes away meanwhile is left out.
 * Takes over `top`, an open directory.
 */
async function* inside(
  top: Level,
  seen: Map<string, RawPath>,
  passedOver: PassedOver,
): AsyncGenerator<ArchiveEntry> {
  const levels: Level[] = [top];
  try {
    for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
      const name = level.names.pop();
      if (name === undefined) {
        level.directory.close();
        levels.pop();
        continue;
      }
      const pinned = level.directory.pin(name);
      if (pinned === undefined) continue;
      let taken = false;
      try {
        const path = `${level.prefix}${name}`;
        const entry = describe(path, pinned, seen);
        if (entry !== undefined) yield entry;
        const { dev } = pinned.stat;
        if (pinned.stat.isDirectory() && (dev === level.device || !passedOver.has(dev))) {
          if (levels.length === deepest)
            throw new SetupError(
              `${shown(path)}: directories lie more than ${deepest} deep: too deep to copy`,
            );
          taken = true;
          levels.push(enter(pinned.fd, dev, `${path}/`));
        }
      } finally {
        if (!taken) closeSync(pinned.fd);
      }
    }
  } finally {
    for (const { directory } of levels) directory.close();
  }
}

/** What lies in the directory `top`, which itself is left out; names begin with `prefix`. Takes over `top`. */
export function walkInside(top: Directory, prefix: RawPath): AsyncGenerator<ArchiveEntry> {
  return inside(enter(top.fd, top.device, prefix), new Map(), nothing);
}

/** A pinned thing and, of a directory, all that is in it, as `name`. Takes over its descriptor. */
export async function* walk(
  pinned: Pinned,
  name: RawPath,
  passedOver: PassedOver = nothing,
): AsyncGenerator<ArchiveEntry> {
  const seen = new Map<string, RawPath>();
  let taken = false;
  try {
    const entry = describe(name, pinned, seen);
    if (entry !== undefined) yield entry;
    if (pinned.stat.isDirectory()) {
      taken = true;
      yield* inside(enter(pinned.fd, pinned.stat.dev, `${name}/`), seen, passedOver);
    }
  } finally {
    if (!taken) closeSync(pinned.fd);
  }
}

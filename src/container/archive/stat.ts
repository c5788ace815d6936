import { closeSync, type Stats } from "node:fs";
import { posix } from "node:path";
import { hasErrno, NotFoundError, UsageError } from "../../core/errors.ts";
import type { Instance } from "../../core/paths.ts";
import { pathText, type RawPath, rawPath } from "../../core/raw-path.ts";
import { type Directory, linkTarget, type Pinned, resolution } from "../../sys/directory.ts";
import type { ContainerRecord } from "../record.ts";
import { type ArchivePath, archivePath, wholePath } from "./path.ts";
import { openContainer } from "./root.ts";
import { shown } from "./shown.ts";

/** What is known of a path in a container, as the Docker API's X-Docker-Container-Path-Stat has it. */
export interface PathStat {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** As stat(2) has it, with the type's bits. */
  readonly mode: number;
  readonly mtime: Date;
  /** Where a symbolic link leads, all links resolved; empty for anything else. */
  readonly linkTarget: string;
}

/** docker gives up after so many links. */
const maxLinks = 255;

/**
 * Where `path` leads inside `root` when every link is followed, whether anything is there or not. Only a name: whoever
 * opens it resolves it again. @throws UsageError for links in a circle
 */
function evaluate(root: Directory, path: RawPath): RawPath {
  const pending = path.split("/").reverse();
  let at: RawPath = "/";
  let links = 0;
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (name === "" || name === ".") continue;
    const next = posix.resolve(at, name);
    let pinned: Pinned | undefined;
    try {
      pinned = root.resolve(next.slice(1), resolution.inRoot, false);
    } catch (error) {
      if (!hasErrno(error, "ENOENT", "ENOTDIR", "ELOOP", "EACCES")) throw error;
    }
    if (pinned === undefined || !pinned.stat.isSymbolicLink()) {
      at = next;
    } else {
      links += 1;
      if (links > maxLinks) throw new UsageError(`${shown(path)}: too many levels of symbolic links`);
      const target = linkTarget(pinned.fd);
      if (target.startsWith("/")) at = "/";
      pending.push(...target.split("/").reverse());
    }
    if (pinned !== undefined) closeSync(pinned.fd);
  }
  return at;
}

/**
 * Pins what a path of the container leads to; a link at its end is pinned itself. The caller closes it.
 * @throws NotFoundError in docker's words; UsageError when something on the way is no directory.
 */
export function pinPath(root: Directory, record: ContainerRecord, path: ArchivePath): Pinned {
  try {
    return root.resolve(wholePath(path).slice(1), resolution.inRoot, false);
  } catch (error) {
    const where = shown(wholePath(path));
    if (hasErrno(error, "ENOENT"))
      throw new NotFoundError(`Could not find the file ${where} in container ${record.name}`);
    if (hasErrno(error, "ENOTDIR"))
      throw new UsageError(`${where} in container ${record.name}: not a directory`);
    if (hasErrno(error, "ELOOP", "ENAMETOOLONG", "EACCES", "EAGAIN"))
      throw new UsageError(
        `${where} in container ${record.name} cannot be reached: ${hasErrno(error, "ELOOP") ? "links in a circle" : "see its path"}`,
      );
    throw error;
  }
}

/** Describes something that was found at `path`. */
export function describeStat(root: Directory, path: ArchivePath, stat: Stats): PathStat {
  const target = stat.isSymbolicLink() ? evaluate(root, path.path) : "";
  const name = path.base === "" ? "/" : pathText(path.base);
  return { name, size: stat.size, mode: stat.mode, mtime: stat.mtime, linkTarget: pathText(target) };
}

/**
 * What is at `path` in a container, running or not: HEAD /containers/ID/archive.
 * @throws NotFoundError when nothing is there.
 */
export function statPath(instance: Instance, record: ContainerRecord, path: string): PathStat {
  const root = openContainer(instance, record);
  try {
    const wanted = archivePath(rawPath(path));
    const pinned = pinPath(root.directory, record, wanted);
    closeSync(pinned.fd);
    return describeStat(root.directory, wanted, pinned.stat);
  } finally {
    root.close();
  }
}

const S_IFMT = 0o170000;

/** The type bits of Go's os.FileMode by those of stat(2): directory, symlink, block device, FIFO, socket, character device. */
const goTypes: ReadonlyMap<number, number> = new Map([
  [0o040000, 2 ** 31],
  [0o120000, 2 ** 27],
  [0o060000, 2 ** 26],
  [0o010000, 2 ** 25],
  [0o140000, 2 ** 24],
  [0o020000, 2 ** 26 + 2 ** 21],
]);

/** A mode of stat(2) as Go's os.FileMode, which the Docker API speaks. */
function goFileMode(mode: number): number {
  const special =
    (mode & 0o4000 ? 2 ** 23 : 0) + (mode & 0o2000 ? 2 ** 22 : 0) + (mode & 0o1000 ? 2 ** 20 : 0);
  return (goTypes.get(mode & S_IFMT) ?? 0) + special + (mode & 0o777);
}

/** The value of X-Docker-Container-Path-Stat. */
export function pathStatHeader(stat: PathStat): string {
  const { name, size, mode, mtime, linkTarget: target } = stat;
  const document = { name, size, mode: goFileMode(mode), mtime: mtime.toISOString(), linkTarget: target };
  return Buffer.from(JSON.stringify(document)).toString("base64");
}

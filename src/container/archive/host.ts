import { constants, fstatSync, lstatSync, openSync, readlinkSync, type Stats, statSync } from "node:fs";
import { hasErrno, NotFoundError, SetupError, UsageError } from "../../core/errors.ts";
import { pathBytes, type RawPath } from "../../core/raw-path.ts";
import { Directory, type Pinned, resolution } from "../../sys/directory.ts";
import type { ArchiveEntry } from "./entry.ts";
import { type ArchivePath, archivePath, wholePath } from "./path.ts";
import type { CopyDestination } from "./place.ts";
import { shown } from "./shown.ts";
import { unpack } from "./unpack.ts";

const O_PATH = 0o10000000;

/** docker follows so many links of a destination. */
const maxLinks = 10;

/** Pins a path of the host that is to be copied; a link at its end is copied itself, unless `follow`. */
export function pinHost(path: ArchivePath, follow: boolean): Pinned {
  try {
    const fd = openSync(pathBytes(wholePath(path)), O_PATH | (follow ? 0 : constants.O_NOFOLLOW));
    return { fd, stat: fstatSync(fd) };
  } catch (error) {
    if (hasErrno(error, "ENOENT"))
      throw new NotFoundError(`${shown(wholePath(path))}: no such file or directory`, { cause: error });
    if (hasErrno(error, "ENOTDIR"))
      throw new UsageError(`${shown(wholePath(path))}: not a directory`, { cause: error });
    throw error;
  }
}

function lstatIfAny(path: ArchivePath): Stats | undefined {
  try {
    return lstatSync(pathBytes(wholePath(path)));
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return undefined;
    if (hasErrno(error, "ENOTDIR"))
      throw new UsageError(`${shown(wholePath(path))}: not a directory`, { cause: error });
    throw error;
  }
}

/**
 * What a path of the host is as a destination: links at its end are followed, also to where nothing is yet.
 * @throws UsageError when its parent is no directory, or it is neither a file nor a directory.
 */
export function hostDestination(asked: ArchivePath): CopyDestination {
  let path = asked;
  let stat = lstatIfAny(path);
  for (let links = 0; stat?.isSymbolicLink() === true; links += 1) {
    if (links > maxLinks) throw new UsageError(`too many symlinks in ${shown(wholePath(asked))}`);
    path = archivePath(readlinkSync(pathBytes(path.path), "latin1"), path.parent);
    stat = lstatIfAny(path);
  }
  const common = { path, shown: shown(wholePath(asked)) };
  if (stat !== undefined) {
    if (!stat.isFile() && !stat.isDirectory())
      throw new UsageError(`${shown(wholePath(asked))}: expected a directory or a regular file`);
    return { ...common, exists: true, isDirectory: stat.isDirectory() };
  }
  const parent = statSync(pathBytes(path.parent), { throwIfNoEntry: false });
  if (parent === undefined) throw new NotFoundError(`${shown(path.parent)}: no such directory`);
  if (!parent.isDirectory()) throw new UsageError(`${shown(path.parent)}: not a directory`);
  return { ...common, exists: false, isDirectory: false };
}

export interface HostOptions {
  /** Owners and special rights as in the container; else all of it is ours. */
  readonly archive: boolean;
  readonly note: (line: string) => void;
}

/**
 * Puts entries into a directory of the host. No link below it is followed, whoever made it. Returns the bytes of the
 * files. @throws as {@link unpack}
 */
export async function putOnHost(
  directory: RawPath,
  entries: AsyncIterable<ArchiveEntry>,
  { archive, note }: HostOptions,
): Promise<number> {
  const place = Directory.host(pathBytes(directory));
  const open = (path: RawPath): Directory => {
    try {
      return path === "" ? place.again() : place.descend(path, resolution.strict);
    } catch (error) {
      if (hasErrno(error, "ELOOP", "EXDEV"))
        throw new UsageError(`${shown(path)}: a symbolic link on the way is not followed`, {
          cause: error,
        });
      throw error;
    }
  };
  try {
    return await unpack(entries, {
      open,
      owner: archive ? "theirs" : "ours",
      replaceDirectories: false,
      note,
    });
  } catch (error) {
    if (hasErrno(error, "EROFS")) throw new SetupError(`${shown(directory)} is read-only`, { cause: error });
    throw error;
  } finally {
    place.close();
  }
}

import { closeSync } from "node:fs";
import { NotFoundError, UsageError } from "../../core/errors.ts";
import type { Instance } from "../../core/paths.ts";
import { pathText, rawPath } from "../../core/raw-path.ts";
import type { ContainerRecord } from "../record.ts";
import type { ArchiveEntry } from "./entry.ts";
import { type HostOptions, hostDestination, pinHost, putOnHost } from "./host.ts";
import { type ArchivePath, archivePath, wholePath } from "./path.ts";
import { type CopyDestination, placeCopy } from "./place.ts";
import { type PathStat, statPath } from "./stat.ts";
import { type FoundPath, findPath, putEntries } from "./transfer.ts";
import { walk } from "./walk.ts";

const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
const S_IFLNK = 0o120000;
const S_IFREG = 0o100000;

/** What all copies are asked. */
export interface CopyOptions extends HostOptions {
  /** A link that is the source means what it leads to. */
  readonly followLink: boolean;
}

const typeOf = ({ mode }: PathStat): number => mode & S_IFMT;

/** Finds the source in the container; with `follow` a link there is replaced by what it leads to, under its own name. */
function findSource(
  instance: Instance,
  record: ContainerRecord,
  path: ArchivePath,
  follow: boolean,
): FoundPath {
  const found = findPath(instance, record, path);
  if (!follow || typeOf(found.stat) !== S_IFLNK) return found;
  found.close();
  return findPath(instance, record, archivePath(rawPath(found.stat.linkTarget)));
}

/** A part of a container as entries that begin with its own name: what `cp CONTAINER:SRC -` writes as tar. */
export function entriesOf(
  instance: Instance,
  record: ContainerRecord,
  source: string,
  followLink: boolean,
): AsyncIterable<ArchiveEntry> {
  const path = archivePath(rawPath(source));
  return findSource(instance, record, path, followLink).entries(path.base);
}

/**
 * `cp CONTAINER:SRC DEST`. Nothing outside of DEST is touched, whatever the container does meanwhile. Returns the bytes
 * of the files.
 * @throws NotFoundError, UsageError in docker's words; SetupError naming what could not be made.
 */
export async function copyFromContainer(
  instance: Instance,
  record: ContainerRecord,
  source: string,
  destination: string,
  options: CopyOptions,
): Promise<number> {
  const path = archivePath(rawPath(source));
  const to = hostDestination(archivePath(rawPath(destination), rawPath(process.cwd())));
  const found = findSource(instance, record, path, options.followLink);
  try {
    const place = placeCopy({ base: path.base, isDirectory: typeOf(found.stat) === S_IFDIR }, to);
    return await putOnHost(place.directory, found.entries(place.name), options);
  } finally {
    found.close();
  }
}

/** What a path of the container is as a destination: a link at its end is followed. */
function containerDestination(
  instance: Instance,
  record: ContainerRecord,
  destination: string,
): CopyDestination {
  const asked = archivePath(rawPath(destination));
  const stat = (path: ArchivePath): PathStat | undefined => {
    try {
      return statPath(instance, record, pathText(wholePath(path)));
    } catch (error) {
      // That its parent exists is seen when something is made in it.
      if (error instanceof NotFoundError) return undefined;
      throw error;
    }
  };
  let path = asked;
  let there = stat(path);
  if (there !== undefined && typeOf(there) === S_IFLNK) {
    path = archivePath(rawPath(there.linkTarget));
    there = stat(path);
  }
  const shown = `${record.name}:${pathText(wholePath(asked))}`;
  if (there === undefined) return { path, shown, exists: false, isDirectory: false };
  const type = typeOf(there);
  if (type !== S_IFDIR && type !== S_IFREG)
    throw new UsageError(`destination ${shown} must be a directory or a regular file`);
  return { path, shown, exists: true, isDirectory: type === S_IFDIR };
}

/**
 * `cp SRC CONTAINER:DEST`. Nothing outside of the container's files is touched, whatever the container does meanwhile.
 * Returns the bytes of the files.
 * @throws NotFoundError, UsageError in docker's words; SetupError naming what could not be made.
 */
export async function copyToContainer(
  instance: Instance,
  record: ContainerRecord,
  source: string,
  destination: string,
  options: CopyOptions,
): Promise<number> {
  const path = archivePath(rawPath(source), rawPath(process.cwd()));
  const pinned = pinHost(path, options.followLink);
  let waiting = true;
  const entries = async function* (name: string): AsyncGenerator<ArchiveEntry> {
    waiting = false;
    yield* walk(pinned, name);
  };
  try {
    const to = containerDestination(instance, record, destination);
    const place = placeCopy({ base: path.base, isDirectory: pinned.stat.isDirectory() }, to);
    return await putEntries(instance, record, archivePath(place.directory), entries(place.name), {
      noOverwriteDirNonDir: true,
      copyUIDGID: options.archive,
    });
  } finally {
    if (waiting) closeSync(pinned.fd);
  }
}

/**
 * `cp - CONTAINER:DEST`: puts what a tar stream says into a directory. Returns the bytes of the files.
 * @throws UsageError when DEST is no directory; see putEntries.
 */
export async function copyStreamToContainer(
  instance: Instance,
  record: ContainerRecord,
  entries: AsyncIterable<ArchiveEntry>,
  destination: string,
  options: Pick<CopyOptions, "archive">,
): Promise<number> {
  const to = containerDestination(instance, record, destination);
  if (!to.isDirectory) throw new UsageError(`destination ${to.shown} must be a directory`);
  return putEntries(instance, record, to.path, entries, {
    noOverwriteDirNonDir: true,
    copyUIDGID: options.archive,
  });
}

import { closeSync } from "node:fs";
import { Readable } from "node:stream";
import { ConflictError, hasErrno, NotFoundError, SetupError, UsageError } from "../../core/errors.ts";
import type { OciMount } from "../../core/oci.ts";
import type { Instance } from "../../core/paths.ts";
import { type RawPath, rawPath } from "../../core/raw-path.ts";
import { type Directory, resolution } from "../../sys/directory.ts";
import type { ContainerRecord } from "../record.ts";
import { isLive } from "../refresh.ts";
import { readRecord, readSpec } from "../store.ts";
import type { ArchiveEntry } from "./entry.ts";
import { type ArchivePath, archivePath, wholePath } from "./path.ts";
import { openContainer, openContainerForWriting, openContainerRoot } from "./root.ts";
import { shown } from "./shown.ts";
import { describeStat, type PathStat, pinPath } from "./stat.ts";
import { readTar } from "./tar-read.ts";
import { writeTar } from "./tar-write.ts";
import { unpack } from "./unpack.ts";
import type { OpenRoot } from "./view.ts";
import { walk, walkInside } from "./walk.ts";

/** A part of a container, found and pinned, ready to be read. Whoever has it reads `entries` to the end, or closes it. */
export interface FoundPath {
  readonly stat: PathStat;
  /** What is there, as `name`: asked for once. */
  readonly entries: (name: RawPath) => AsyncIterable<ArchiveEntry>;
  readonly close: () => void;
}

/**
 * The devices of what mdocker itself mounts in every container: /proc, /sys, /dev. They are no files of its own, and a
 * copy of a directory above leaves out what is in them.
 */
function systemDevices(root: Directory, mounts: readonly OciMount[]): ReadonlySet<number> {
  const devices = new Set<number>();
  for (const { destination, type } of mounts) {
    if (type === "bind" || (type === "tmpfs" && !/^\/dev(\/shm)?$/.test(destination))) continue;
    try {
      const place = root.descend(rawPath(destination.slice(1)), resolution.inRoot);
      if (place.device !== root.device) devices.add(place.device);
      place.close();
    } catch (error) {
      // It does not run, and has no such place.
      if (!hasErrno(error, "ENOENT", "ENOTDIR", "ELOOP")) throw error;
    }
  }
  return devices;
}

/** Finds a path in a container. @throws NotFoundError, UsageError, SetupError */
export function findPath(instance: Instance, record: ContainerRecord, path: ArchivePath): FoundPath {
  const { mounts } = readSpec(instance, record.id);
  const root = openContainer(instance, record);
  try {
    const pinned = pinPath(root.directory, record, path);
    let waiting = true;
    const close = () => {
      if (waiting) closeSync(pinned.fd);
      waiting = false;
      root.close();
    };
    // A generator that is never begun frees nothing at its end.
    const entries = async function* (name: RawPath): AsyncGenerator<ArchiveEntry> {
      waiting = false;
      try {
        yield* walk(pinned, name, systemDevices(root.directory, mounts));
      } finally {
        root.close();
      }
    };
    try {
      return { stat: describeStat(root.directory, path, pinned.stat), entries, close };
    } catch (error) {
      closeSync(pinned.fd);
      throw error;
    }
  } catch (error) {
    root.close();
    throw error;
  }
}

/** The entries as a tar stream; `close` is called when it has ended, was destroyed, or has failed. */
function tarStream(entries: AsyncIterable<ArchiveEntry>, close: () => void): Readable {
  const stream = Readable.from(writeTar(entries), { objectMode: false, highWaterMark: 512 * 1024 });
  return stream.once("close", close);
}

/**
 * What is at `path` in a container, running or not, and a tar stream of it: GET /containers/ID/archive. Names begin with
 * the last part of the path; for `DIR/.` with `./`. The stream must be read or destroyed.
 * @throws NotFoundError when nothing is there.
 */
export function getArchive(
  instance: Instance,
  record: ContainerRecord,
  path: string,
): { readonly stat: PathStat; readonly stream: Readable } {
  const wanted = archivePath(rawPath(path));
  const found = findPath(instance, record, wanted);
  return { stat: found.stat, stream: tarStream(found.entries(wanted.base), found.close) };
}

/** A tar stream of a container's whole root, without what is mounted in it: `docker export`. Read or destroy it. */
export function exportContainer(instance: Instance, record: ContainerRecord): Readable {
  const root = openContainerRoot(instance, record);
  const entries = async function* (): AsyncGenerator<ArchiveEntry> {
    yield* walkInside(root.directory.again(), "");
  };
  return tarStream(entries(), root.close);
}

/** How an archive is put into a container; the names are those of the Docker API. */
export interface PutOptions {
  /** A directory may not take the place of something else, nor the other way round. */
  readonly noOverwriteDirNonDir: boolean;
  /** All of it belongs to the container's user, if that is not root; else to whom the archive says. */
  readonly copyUIDGID: boolean;
}

/** What a write to a read-only place of a container is called. */
function readOnly(record: ContainerRecord, root: OpenRoot, place: Directory, error: unknown): unknown {
  if (!hasErrno(error, "EROFS")) return error;
  const isRoot = place.device === root.directory.device;
  const what = isRoot ? "container rootfs is marked read-only" : "mounted volume is marked read-only";
  return new ConflictError(`${what} (container ${record.name})`, { cause: error });
}

function openPlace(root: Directory, record: ContainerRecord, path: ArchivePath): Directory {
  const where = shown(wholePath(path));
  try {
    return root.descend(wholePath(path).slice(1), resolution.inRoot);
  } catch (error) {
    if (hasErrno(error, "ENOENT"))
      throw new NotFoundError(`Could not find the file ${where} in container ${record.name}`);
    if (hasErrno(error, "ENOTDIR")) throw new UsageError("extraction point is not a directory");
    if (hasErrno(error, "ELOOP", "ENAMETOOLONG", "EAGAIN"))
      throw new SetupError(`${where} in container ${record.name} cannot be reached`, { cause: error });
    throw error;
  }
}

/** Filesystems that are the kernel's own: to write there is to change the kernel, see statfs(2). */
const kernelFilesystems: ReadonlySet<number> = new Set([
  0x9fa0, 0x62656572, 0x27e0eb, 0x63677270, 0x1cd1, 0x64626720, 0x74726163,
]);

/** A container that was started while its layer was written to from outside does not see all of that. */
function expectUnstarted(instance: Instance, { id, name, state }: ContainerRecord): void {
  if (state === "running" || state === "paused") return;
  const now = readRecord(instance, id);
  if (now !== undefined && now.state !== "exited" && isLive(now))
    throw new ConflictError(
      `container ${name} was started meanwhile and may not see what was copied: copy it again`,
    );
}

/**
 * Puts entries into the directory `path` of a container, running or not. Names and links of the entries, and whatever
 * the container does meanwhile, lead nowhere outside of it. Returns the bytes of the files.
 * @throws NotFoundError, UsageError, ConflictError, SetupError; what was put there before stays.
 */
export async function putEntries(
  instance: Instance,
  record: ContainerRecord,
  path: ArchivePath,
  entries: AsyncIterable<ArchiveEntry>,
  options: PutOptions,
): Promise<number> {
  const { uid, gid } = readSpec(instance, record.id).process.user;
  const root = await openContainerForWriting(instance, record);
  try {
    const place = openPlace(root.directory, record, path);
    try {
      // Each entry anew from the root: absolute links inside the container mean its own root.
      const open = (below: RawPath): Directory => {
        const whole = `${path.path}/${below}`;
        const directory =
          below === "" ? place.again() : root.directory.descend(whole.replace(/^\/+/, ""), resolution.inRoot);
        if (!kernelFilesystems.has(directory.filesystem)) return directory;
        directory.close();
        throw new UsageError(
          `${shown(whole)} in container ${record.name}: nothing is copied into the kernel's filesystems`,
        );
      };
      const bytes = await unpack(entries, {
        open,
        owner: options.copyUIDGID && uid !== 0 ? { uid, gid } : "theirs",
        replaceDirectories: !options.noOverwriteDirNonDir,
      });
      expectUnstarted(instance, record);
      return bytes;
    } catch (error) {
      throw readOnly(record, root, place, error);
    } finally {
      place.close();
    }
  } finally {
    root.close();
  }
}

/**
 * Unpacks a tar stream, plain or compressed, into the directory `path` of a container: PUT /containers/ID/archive.
 * @throws as {@link putEntries}, and UsageError for a malformed stream.
 */
export async function putArchive(
  instance: Instance,
  record: ContainerRecord,
  path: string,
  stream: AsyncIterable<Uint8Array>,
  options: PutOptions,
): Promise<void> {
  await putEntries(instance, record, archivePath(rawPath(path)), readTar(stream), options);
}

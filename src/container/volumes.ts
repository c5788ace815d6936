import { lstatSync, mkdirSync, readdirSync, renameSync, statSync } from "node:fs";
import { readTextIfAny, writeFileAtomic } from "../core/atomic.ts";
import { ConflictError, hasErrno, MdockerError, messageOf, NotFoundError } from "../core/errors.ts";
import { join } from "../core/join.ts";
import { makeDirectories } from "../core/make-directories.ts";
import type { OciMount } from "../core/oci.ts";
import type { Instance } from "../core/paths.ts";
import { removeTree } from "../core/remove-tree.ts";
import { startTimeOf } from "../sys/process.ts";
import { newId } from "./names.ts";
import { sizeBelow } from "./size.ts";
import { listIds, readSpec } from "./store.ts";
import { checkVolumeName, isAnonymous, volumePath, volumesFolder } from "./volume-path.ts";

/** A directory that outlives the containers it is mounted in. */
export interface Volume {
  readonly name: string;
  /** ISO 8601. */
  readonly created: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Where its files are on the host. */
  readonly path: string;
  /** Nobody gave it a name. */
  readonly anonymous: boolean;
}

/** What is kept of a volume that was made by itself; one that a container made has nothing of the kind. */
interface VolumeFile {
  readonly created: string;
  readonly labels: Readonly<Record<string, string>>;
}

function folderOf(instance: Instance, name: string): string {
  return join(volumesFolder(instance), name);
}

function readFile(instance: Instance, name: string): VolumeFile | undefined {
  try {
    return JSON.parse(readTextIfAny(join(folderOf(instance, name), "volume.json")) ?? "null") ?? undefined;
  } catch (error) {
    // Its files count, not what is said about them.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function volumeIfAny(instance: Instance, name: string): Volume | undefined {
  const path = volumePath(instance, name);
  const about = lstatSync(path, { throwIfNoEntry: false });
  if (about === undefined || !about.isDirectory()) return undefined;
  const known = readFile(instance, name);
  const created = known?.created ?? lstatSync(folderOf(instance, name)).birthtime.toISOString();
  return { name, created, labels: known?.labels ?? {}, path, anonymous: isAnonymous(name) };
}

/** All volumes, by name. */
export function listVolumes(instance: Instance): Volume[] {
  let names: string[];
  try {
    names = readdirSync(volumesFolder(instance));
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return [];
    throw error;
  }
  return names
    .filter((name) => !name.startsWith("."))
    .sort()
    .flatMap((name) => {
      try {
        return volumeIfAny(instance, name) ?? [];
      } catch (error) {
        // What has no name of a volume, or went this moment, is none.
        if (error instanceof MdockerError || hasErrno(error, "ENOENT")) return [];
        throw error;
      }
    });
}

/** The volume of that name. @throws NotFoundError */
export function findVolume(instance: Instance, name: string): Volume {
  checkVolumeName(name, "volume");
  const found = volumeIfAny(instance, name);
  if (found === undefined) throw new NotFoundError(`no such volume: ${name}`);
  return found;
}

/**
 * Makes a volume; one that exists already is left as it is. Without a name it gets one of 64 hex digits, and is anonymous.
 * @throws UsageError for what cannot be a name
 */
export function createVolume(
  instance: Instance,
  name: string | undefined,
  labels: Readonly<Record<string, string>>,
): Volume {
  const chosen = name ?? newId();
  checkVolumeName(chosen, "volume");
  const known = volumeIfAny(instance, chosen);
  if (known !== undefined) return known;
  const folder = folderOf(instance, chosen);
  makeDirectories(folder);
  const file: VolumeFile = { created: new Date().toISOString(), labels };
  writeFileAtomic(join(folder, "volume.json"), JSON.stringify(file));
  makeData(volumePath(instance, chosen));
  return findVolume(instance, chosen);
}

function makeData(path: string): void {
  try {
    mkdirSync(path, { mode: 0o755 });
  } catch (error) {
    if (!hasErrno(error, "EEXIST")) throw error;
  }
}

/** The name of the volume that is mounted, of a mount that is one. */
function nameOf(instance: Instance, { type, source }: OciMount): string | undefined {
  const prefix = `${volumesFolder(instance)}/`;
  if (type !== "bind" || source?.startsWith(prefix) !== true || !source.endsWith("/_data")) return undefined;
  return source.slice(prefix.length, -"/_data".length);
}

/** The ids of the containers that each volume is mounted in, running or not; a volume without any is not there. */
export function volumeUsers(instance: Instance): Map<string, string[]> {
  const users = new Map<string, string[]>();
  for (const id of listIds(instance)) {
    let mounts: readonly OciMount[] = [];
    try {
      mounts = readSpec(instance, id).mounts;
    } catch (error) {
      // It is just being made or removed.
      if (!(error instanceof MdockerError)) throw error;
    }
    for (const name of new Set(mounts.map((mount) => nameOf(instance, mount)))) {
      if (name !== undefined) users.set(name, [...(users.get(name) ?? []), id]);
    }
  }
  return users;
}

/** Bytes of a volume's files. */
export function volumeSize(volume: Volume): number {
  return sizeBelow(Buffer.from(volume.path), new Set());
}

/** A volume on its way out: {@link collectVolumes} takes away what an interrupted removal has left. */
function leavingPath(instance: Instance, name: string): string {
  return join(volumesFolder(instance), `.${name}.${process.pid}.removing`);
}

/** Takes a volume away, whoever uses it. It is gone at once, its files follow. */
function removeFiles(instance: Instance, name: string): void {
  const leaving = leavingPath(instance, name);
  removeTree(leaving);
  try {
    renameSync(folderOf(instance, name), leaving);
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return;
    throw error;
  }
  removeTree(leaving);
}

/**
 * Removes a volume and its files.
 * @throws NotFoundError; ConflictError when it is mounted in a container, running or not; SetupError listing files that
 * could not be removed.
 */
export function removeVolume(instance: Instance, name: string): void {
  const { path } = findVolume(instance, name);
  const users = volumeUsers(instance).get(name);
  if (users !== undefined) {
    const list = users.map((id) => id.slice(0, 12)).join(", ");
    throw new ConflictError(`remove ${name}: volume is in use - [${list}]`);
  }
  // A mount point would be refused too, but only after the volume has lost its name.
  if (statSync(path).dev !== statSync(folderOf(instance, name)).dev)
    throw new ConflictError(`remove ${name}: something is mounted on ${path}`);
  removeFiles(instance, name);
}

/** The volumes without a name that are mounted by these mounts of a container that is going: they go with it. */
export function removeAnonymousVolumes(
  instance: Instance,
  mounts: readonly OciMount[],
  container: string,
): void {
  const names = mounts.flatMap((mount) => nameOf(instance, mount) ?? []).filter(isAnonymous);
  if (names.length === 0) return;
  const users = volumeUsers(instance);
  for (const name of names) {
    if (users.get(name)?.every((id) => id === container) ?? true) removeFiles(instance, name);
  }
}

/** Takes away what removals have left that were killed. Returns a line for each. */
export function collectVolumes(instance: Instance): string[] {
  let names: string[];
  try {
    names = readdirSync(volumesFolder(instance));
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return [];
    throw error;
  }
  const left = names.filter((name) => {
    const remover = /^\..*\.(\d+)\.removing$/.exec(name)?.[1];
    return remover !== undefined && startTimeOf(Number(remover)) === undefined;
  });
  return left.map((name) => {
    const path = join(volumesFolder(instance), name);
    try {
      removeTree(path);
      return `removed unfinished ${path}`;
    } catch (error) {
      return `could not remove unfinished ${path}: ${messageOf(error)}`;
    }
  });
}

/** Which volumes docker's filters let pass: all keys, and of each key any value. */
export type VolumeTest = (volume: Volume) => boolean;

/** What a pruning has come to. */
export interface PrunedVolumes {
  readonly names: readonly string[];
  readonly reclaimed: number;
  readonly failures: readonly string[];
}

/** Removes the volumes that no container uses: those without a name, or with `all` the others too, that pass `wanted`. */
export function pruneVolumes(instance: Instance, all: boolean, wanted: VolumeTest): PrunedVolumes {
  const users = volumeUsers(instance);
  const [names, failures]: [string[], string[]] = [[], []];
  let reclaimed = 0;
  for (const volume of listVolumes(instance)) {
    if (users.has(volume.name) || !(all || volume.anonymous) || !wanted(volume)) continue;
    const size = volumeSize(volume);
    try {
      removeVolume(instance, volume.name);
      names.push(volume.name);
      reclaimed += size;
    } catch (error) {
      if (!(error instanceof MdockerError)) throw error;
      failures.push(messageOf(error));
    }
  }
  return { names, reclaimed, failures };
}

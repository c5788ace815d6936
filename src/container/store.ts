import {
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
} from "node:fs";
import { readTextIfAny, writeFileAtomic } from "../core/atomic.ts";
import { ConflictError, hasErrno, SetupError, UsageError } from "../core/errors.ts";
import { join } from "../core/join.ts";
import { makeDirectories } from "../core/make-directories.ts";
import type { OciSpec } from "../core/oci.ts";
import type { Instance } from "../core/paths.ts";
import { writeFile } from "../core/write-file.ts";
import { namePattern, newName } from "./names.ts";
import type { ContainerRecord } from "./record.ts";
import { parseRecord, UnreadableRecordError } from "./record-text.ts";

const idPattern = /^[0-9a-f]{64}$/;

/** The files of a container's directory, the record last: while it is there the container can be found. */
export const containerFiles: readonly string[] = [
  "hosts",
  "hostname",
  "resolv.conf",
  "config.json",
  "record.json",
];

/** Where the parts of one container lie. `id` has been checked: it becomes a path. */
export interface ContainerPaths {
  readonly directory: string;
  readonly record: string;
  readonly spec: string;
  /** Directory of hosts, hostname and resolv.conf, as bound into the container. */
  readonly etc: string;
  /** Runtime directory of this boot: the record while it runs, the exit record. */
  readonly run: string;
  readonly runningRecord: string;
}

export function containerPaths(instance: Instance, id: string): ContainerPaths {
  if (!idPattern.test(id)) throw new UsageError(`container id ${JSON.stringify(id)}: expected 64 hex digits`);
  const directory = join(instance.root, "containers", id);
  return {
    directory,
    record: join(directory, "record.json"),
    spec: join(directory, "config.json"),
    etc: directory,
    run: join(instance.state, "containers", id),
    runningRecord: join(instance.state, "containers", id, "record.json"),
  };
}

function namePath(instance: Instance, name: string): string {
  return join(instance.root, "names", name);
}

let serial = 0;

function linkName(instance: Instance, { id, name }: Pick<ContainerRecord, "id" | "name">): void {
  try {
    symlinkSync(id, namePath(instance, name));
  } catch (error) {
    if (!hasErrno(error, "ENOENT")) throw error;
    makeDirectories(join(instance.root, "names"));
    symlinkSync(id, namePath(instance, name));
  }
}

function nameInUse(instance: Instance, name: string): string {
  const holder = nameHolder(instance, name)?.slice(0, 12) ?? "another";
  return `${name} is in use by container ${holder}: remove it (mdocker rm ${name}) or choose another name`;
}

/** Takes another name for a container that has one. @throws ConflictError when it is in use. */
export function takeName(instance: Instance, name: string, id: string): void {
  try {
    linkName(instance, { id, name });
  } catch (error) {
    if (!hasErrno(error, "EEXIST")) throw error;
    throw new ConflictError(nameInUse(instance, name));
  }
}

/**
 * Makes the container's directories with `draft` as its record, and takes its name: a symlink, which the kernel lets
 * only one process make. The directory appears complete, by rename: whoever finds one finds a record in it. With
 * `name` undefined a free one is found. Returns the record with its name.
 * @throws UsageError when the name is taken or is not a name.
 */
export function reserveContainer(
  instance: Instance,
  name: string | undefined,
  draft: ContainerRecord,
): ContainerRecord {
  if (name !== undefined && !namePattern.test(name)) {
    throw new UsageError(
      `--name: ${JSON.stringify(name)}: expected letters, digits, _ . or -, beginning with a letter or digit`,
    );
  }
  const paths = containerPaths(instance, draft.id);
  const containers = join(instance.root, "containers");
  for (let attempt = 0; attempt < 100; attempt++) {
    const record = { ...draft, name: name ?? newName(attempt) };
    if (attempt === 0) {
      const staging = join(containers, `.${process.pid}-${++serial}`);
      makeDirectories(staging);
      try {
        writeFile(join(staging, "record.json"), JSON.stringify(record), 0o600);
        renameSync(staging, paths.directory);
      } catch (error) {
        rmSync(staging, { recursive: true, force: true });
        throw error;
      }
      makeDirectories(paths.run);
    } else {
      writeRecord(instance, record);
    }
    try {
      linkName(instance, record);
      return record;
    } catch (error) {
      if (!hasErrno(error, "EEXIST")) throw error;
      if (name !== undefined) throw new ConflictError(`--name: ${nameInUse(instance, name)}`);
    }
  }
  throw new SetupError("no free container name found in 100 attempts: give one with --name");
}

/** The id that `name` stands for, or undefined. */
export function nameHolder(instance: Instance, name: string): string | undefined {
  try {
    const id = readlinkSync(namePath(instance, name));
    // It becomes a path.
    return idPattern.test(id) ? id : undefined;
  } catch (error) {
    if (hasErrno(error, "ENOENT", "EINVAL")) return undefined;
    throw error;
  }
}

/** Frees `name` if it belongs to `id`; anything else is left alone, and then the answer is false. */
function tryReleaseName(instance: Instance, name: string, id: string): boolean {
  if (nameHolder(instance, name) !== id) return false;
  try {
    unlinkSync(namePath(instance, name));
  } catch (error) {
    if (!hasErrno(error, "ENOENT")) throw error;
  }
  return true;
}

/** Frees `name` if it belongs to `id`; anything else is left alone. */
export function releaseName(instance: Instance, name: string, id: string): void {
  tryReleaseName(instance, name, id);
}

/** Frees the name of a container, also when it is called otherwise by now. */
export function releaseAnyName(instance: Instance, { name, id }: Pick<ContainerRecord, "id" | "name">): void {
  if (!tryReleaseName(instance, name, id)) releaseNames(instance, id);
}

/** Removes what is in the place of `name` and stands for no container. */
export function removeStrayName(instance: Instance, name: string): void {
  if (nameHolder(instance, name) !== undefined) return;
  rmSync(namePath(instance, name), { force: true });
}

/** Removes a directory by the names that are expected in it; only when there are others too, whatever is in it. */
function removeDirectory(directory: string, files: readonly string[]): void {
  const tolerate = (act: () => void, ...errnos: string[]): boolean => {
    try {
      act();
      return true;
    } catch (error) {
      if (!hasErrno(error, ...errnos)) throw error;
      return false;
    }
  };
  for (const file of files) tolerate(() => unlinkSync(join(directory, file)), "ENOENT");
  const gone = tolerate(() => rmdirSync(directory), "ENOENT", "ENOTEMPTY");
  // rmSync costs two milliseconds even when there is nothing to do.
  // Monitors of what was executed in the container may just be removing their own files, or writing them.
  if (!gone && existsSync(directory))
    rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 1 });
}

/** Removes the runtime directory: what is true only while the container runs. */
export function removeRunDirectory(instance: Instance, id: string): void {
  removeDirectory(containerPaths(instance, id).run, ["exit", "record.json"]);
}

/** Removes the runtime directory and, last, the container's own: what is interrupted can be found again. */
export function removeContainerFiles(instance: Instance, id: string): void {
  const paths = containerPaths(instance, id);
  removeRunDirectory(instance, id);
  removeDirectory(paths.directory, containerFiles);
}

/** Replaces the record that stays, and lets it count again. */
export function writeRecord(instance: Instance, record: ContainerRecord): void {
  const paths = containerPaths(instance, record.id);
  writeFileAtomic(paths.record, JSON.stringify(record));
  try {
    unlinkSync(paths.runningRecord);
  } catch (error) {
    if (!hasErrno(error, "ENOENT")) throw error;
  }
}

/**
 * Writes what is true while the container runs beside its other runtime files. It counts before the record that stays,
 * and goes with the boot, as the processes it names do. To replace a file by rename makes a disk filesystem write its
 * data first; a new one in /run costs nothing.
 */
export function writeRunningRecord(instance: Instance, record: ContainerRecord): void {
  writeFileAtomic(containerPaths(instance, record.id).runningRecord, JSON.stringify(record));
}

/** The text of the record that counts, or undefined when there is none (also while it is being made or removed). */
export function readRecordText(instance: Instance, id: string): string | undefined {
  const paths = containerPaths(instance, id);
  return readTextIfAny(paths.runningRecord) ?? readTextIfAny(paths.record);
}

/** The record of `id`, or undefined when there is none. @throws UnreadableRecordError */
export function readRecord(instance: Instance, id: string): ContainerRecord | undefined {
  const text = readRecordText(instance, id);
  return text === undefined ? undefined : parseRecord(text, id);
}

export function writeSpec(instance: Instance, id: string, spec: OciSpec): void {
  writeFile(containerPaths(instance, id).spec, JSON.stringify(spec), 0o600);
}

/** The OCI document of a container. @throws SetupError when it is missing. */
export function readSpec(instance: Instance, id: string): OciSpec {
  try {
    return JSON.parse(readFileSync(containerPaths(instance, id).spec, "utf8")) as OciSpec;
  } catch (cause) {
    throw new SetupError(`container ${id.slice(0, 12)} has no readable config.json`, { cause });
  }
}

function idsIn(directory: string): string[] {
  try {
    return readdirSync(directory).filter((entry) => idPattern.test(entry));
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return [];
    throw error;
  }
}

/** The ids of all containers that have a directory, complete or not. */
export function listIds(instance: Instance): string[] {
  return idsIn(join(instance.root, "containers"));
}

/** The ids of containers of which only the runtime directory is left. */
export function listRemains(instance: Instance): string[] {
  const known = new Set(listIds(instance));
  return idsIn(join(instance.state, "containers")).filter((id) => !known.has(id));
}

/** Frees every name of a container of which nothing else is known. */
export function releaseNames(instance: Instance, id: string): void {
  for (const name of listNames(instance)) releaseName(instance, name, id);
}

/** The names that are taken. */
export function listNames(instance: Instance): string[] {
  try {
    return readdirSync(join(instance.root, "names"));
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return [];
    throw error;
  }
}

/**
 * The records as they are written, newest first, without looking at their processes; see `listContainers`. Those that
 * cannot be read are passed over, and told to `unreadable`.
 */
export function listRecords(
  instance: Instance,
  unreadable: (error: UnreadableRecordError) => void,
): ContainerRecord[] {
  const records: ContainerRecord[] = [];
  for (const id of listIds(instance)) {
    try {
      const record = readRecord(instance, id);
      if (record !== undefined) records.push(record);
    } catch (error) {
      if (!(error instanceof UnreadableRecordError)) throw error;
      unreadable(error);
    }
  }
  return records.sort((a, b) => b.created.localeCompare(a.created));
}

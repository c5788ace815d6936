import { existsSync, readdirSync, rmSync } from "node:fs";
import { portsFile } from "../../net/state.ts";
import { hasErrno } from "../core/errors.ts";
import { join } from "../core/join.ts";
import type { Instance } from "../core/paths.ts";
import { bootId, isAlive } from "../sys/process.ts";
import { namePattern } from "./names.ts";
import type { ContainerRecord } from "./record.ts";
import { UnreadableRecordError } from "./record-text.ts";
import { isLive } from "./refresh.ts";
import { nameHolder, readRecord, releaseName, releaseNames, removeRunDirectory } from "./store.ts";

/** The note that a monitor leaves when it had to end a container alone: a directory named like the container. */
export function orphanNote(instance: Instance, id: string): string {
  return join(instance.state, "orphans", id);
}

/** True while the process lives that makes or runs the container: it takes away itself what is to go. */
function hasOwner({ bootId: boot, owner }: ContainerRecord): boolean {
  return owner !== undefined && boot === bootId() && isAlive(owner);
}

/** True for a container that only its run keeps alive and whose run is over. */
export function isAbandoned(record: ContainerRecord): boolean {
  if (isLive(record) || hasOwner(record)) return false;
  return record.state === "creating" || (record.foreground && !record.keep);
}

/** The record of `id`; "unreadable" for one that says nothing to us: its container is left to `mdocker gc`. */
function readIfAny(instance: Instance, id: string): ContainerRecord | "unreadable" | undefined {
  try {
    return readRecord(instance, id);
  } catch (error) {
    if (error instanceof UnreadableRecordError) return "unreadable";
    throw error;
  }
}

/**
 * Removes the containers that monitors left notes about. A start calls this first: without a note it costs one
 * system call.
 */
export async function collectOrphans(instance: Instance): Promise<void> {
  let notes: string[];
  try {
    notes = readdirSync(join(instance.state, "orphans"));
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return;
    throw error;
  }
  if (notes.length > 0 && existsSync(portsFile(instance)))
    (await import("../../net/ports/publish.ts")).collectPublications(instance);
  for (const id of notes) {
    if (!/^[0-9a-f]{64}$/.test(id)) continue;
    const record = readIfAny(instance, id);
    if (record === "unreadable") continue;
    if (record === undefined) {
      // The monitor could remove all that it knows of; it does not know the name.
      releaseNames(instance, id);
      removeRunDirectory(instance, id);
    } else if (isAbandoned(record)) {
      const { removeTraces } = await import("./remove.ts");
      await removeTraces(instance, record, { volumes: !record.keep });
    }
    // A maker that is just being killed may still seem to live: then the next start looks again.
    if (record === undefined || !(isLive(record) || hasOwner(record)))
      rmSync(orphanNote(instance, id), { recursive: true, force: true });
  }
}

/** Removes the container that has `name`, if its run is over: one that was killed need not be removed by hand. */
export async function freeAbandonedName(instance: Instance, name: string): Promise<void> {
  const id = namePattern.test(name) ? nameHolder(instance, name) : undefined;
  if (id === undefined) return;
  const record = readIfAny(instance, id);
  if (record === "unreadable") return;
  if (record === undefined) {
    releaseName(instance, name, id);
  } else if (isAbandoned(record)) {
    const { removeTraces } = await import("./remove.ts");
    await removeTraces(instance, record, { volumes: !record.keep });
  }
}

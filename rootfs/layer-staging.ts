import { mkdirSync, mkdtempSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { hasErrno } from "../src/core/errors.ts";
import type { Instance } from "../src/core/paths.ts";
import { removeTree } from "../src/core/remove-tree.ts";
import { identify, isAlive } from "../src/sys/process.ts";
import { layerPath, layersPath } from "./image-paths.ts";

const stagingPattern = /^\.staging-(\d+)-(\d+)-/;

/**
 * A new empty directory (0700) to unpack one layer into: `.staging-<pid>-<start time>-<random>`, so that it can be told
 * whether its maker still lives.
 */
export function stageLayer(instance: Instance): string {
  mkdirSync(layersPath(instance), { recursive: true, mode: 0o700 });
  return mkdtempSync(stagingPrefix(instance));
}

function stagingPrefix(instance: Instance): string {
  const startTime = identify(process.pid)?.startTime ?? "0";
  return join(layersPath(instance), `.staging-${process.pid}-${startTime}-`);
}

/** Takes a staged layer into the store by rename(2). One that is there already is the same, and stays. */
export function keepStagedLayer(instance: Instance, staging: string, diffId: string): void {
  try {
    renameSync(staging, layerPath(instance, diffId));
  } catch (error) {
    if (!hasErrno(error, "ENOTEMPTY", "EEXIST")) throw error;
    dropStagedLayer(staging);
  }
}

/** Removes a staged layer; there may be none. */
export function dropStagedLayer(staging: string): void {
  removeTree(staging);
}

/** Removes a layer of the store, which is out of it at once: a half-removed layer is never found by its digest. */
export function discardLayer(instance: Instance, name: string): void {
  const staging = `${stagingPrefix(instance)}${name}`;
  renameSync(join(layersPath(instance), name), staging);
  dropStagedLayer(staging);
}

/** Removes the staged layers of processes that are dead; returns their names. */
export function dropAbandonedLayers(instance: Instance, names: readonly string[]): readonly string[] {
  return names.filter((name) => {
    const match = stagingPattern.exec(name);
    if (match === null || isAlive({ pid: Number(match[1]), startTime: String(match[2]) })) return false;
    dropStagedLayer(join(layersPath(instance), name));
    return true;
  });
}

/** The names of all directories below layers/, staged ones too; none when nothing was ever stored. */
export function layerNames(instance: Instance): readonly string[] {
  try {
    return readdirSync(layersPath(instance));
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return [];
    throw error;
  }
}

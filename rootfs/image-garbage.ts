import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { readTextIfAny } from "../src/core/atomic.ts";
import { hasErrno } from "../src/core/errors.ts";
import type { Instance } from "../src/core/paths.ts";
import type { ImageDocument, Manifest } from "./image.ts";
import { readIndex, withStoreLock } from "./image-index.ts";
import { blobPath, blobsPath, hexOf, layersPath } from "./image-paths.ts";
import { discardLayer, dropAbandonedLayers, layerNames } from "./layer-staging.ts";

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return [];
    throw error;
  }
}

function readDocument<T>(instance: Instance, digest: string): T | undefined {
  const text = readTextIfAny(blobPath(instance, digest));
  return text === undefined ? undefined : (JSON.parse(text) as T);
}

/**
 * Removes what no name leads to: documents, layers, and what killed processes had staged. May run at any time.
 * @param layersInUse Directories of layers that containers stand on: they stay, whether or not an image has them.
 * @returns One line for each thing removed.
 */
export function collectImageGarbage(instance: Instance, layersInUse: readonly string[] = []): string[] {
  const staged = layerNames(instance);
  if (staged.length === 0 && namesIn(blobsPath(instance)).length === 0) return [];
  return withStoreLock(instance, () => {
    const blobs = new Set<string>();
    const layers = new Set<string>();
    for (const { id, manifest } of Object.values(readIndex(instance))) {
      for (const digest of [id, manifest]) blobs.add(hexOf(digest));
      // Compressed layers may be kept beside the unpacked ones.
      for (const { digest } of readDocument<Manifest>(instance, manifest)?.layers ?? [])
        blobs.add(hexOf(digest));
      for (const diffId of readDocument<ImageDocument>(instance, id)?.rootfs.diff_ids ?? [])
        layers.add(hexOf(diffId));
    }
    const names = layerNames(instance);
    const removed = dropAbandonedLayers(instance, names).map((name) => `removed layer ${name}`);
    const used = new Set(layersInUse);
    for (const name of names) {
      const path = join(layersPath(instance), name);
      if (!/^[0-9a-f]{64}$/.test(name) || layers.has(name) || used.has(path)) continue;
      discardLayer(instance, name);
      removed.push(`removed layer ${name.slice(0, 12)}`);
    }
    for (const name of namesIn(blobsPath(instance))) {
      if (blobs.has(name)) continue;
      // Under the lock nobody writes here, so that a temporary file of writeFileAtomic is a dead one too.
      rmSync(join(blobsPath(instance), name), { force: true });
      removed.push(`removed image document ${name.slice(0, 12)}`);
    }
    return removed;
  });
}

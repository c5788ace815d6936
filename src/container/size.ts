import { lstatSync, readdirSync } from "node:fs";
import { listImages } from "../../rootfs/image-store.ts";
import { hasErrno } from "../core/errors.ts";
import { join } from "../core/join.ts";
import type { Instance } from "../core/paths.ts";
import type { ContainerRecord } from "./record.ts";
import { containerPaths } from "./store.ts";

/** How much room a container's files take, in bytes. */
export interface ContainerSize {
  /** What it has written or changed. */
  readonly writable: number;
  /** That, and its image. */
  readonly whole: number;
}

/** Bytes of the files below `directory`, one with several names counted once. What vanishes meanwhile counts nothing. */
export function sizeBelow(directory: Buffer, seen: Set<string>): number {
  let total = 0;
  try {
    for (const name of readdirSync(directory, "buffer")) {
      const path = Buffer.concat([directory, Buffer.from("/"), name]);
      const about = lstatSync(path, { throwIfNoEntry: false });
      if (about === undefined) continue;
      const key = `${about.dev}:${about.ino}`;
      if (about.isDirectory()) total += sizeBelow(path, seen);
      else if (!seen.has(key)) total += about.isCharacterDevice() ? 0 : about.size;
      seen.add(key);
    }
  } catch (error) {
    if (!hasErrno(error, "ENOENT", "ENOTDIR")) throw error;
  }
  return total;
}

/** Measures containers; images are looked up once. */
export function measureContainers(
  instance: Instance,
  records: readonly ContainerRecord[],
): Map<string, ContainerSize> {
  const images = new Map(listImages(instance).map(({ layers, size }) => [layers.join("\n"), size]));
  return new Map(
    records.map(({ id, layers }) => {
      const upper = join(containerPaths(instance, id).directory, "upper");
      const writable = sizeBelow(Buffer.from(upper), new Set());
      return [id, { writable, whole: writable + (images.get(layers.join("\n")) ?? 0) }];
    }),
  );
}

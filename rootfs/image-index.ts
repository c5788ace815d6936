import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { readTextIfAny, writeFileAtomic } from "../src/core/atomic.ts";
import { SetupError } from "../src/core/errors.ts";
import type { Instance } from "../src/core/paths.ts";
import { withLock } from "../src/sys/flock.ts";
import { indexPath, storeLockPath } from "./image-paths.ts";

/** What a name stands for. */
export interface IndexEntry {
  /** Digest of the manifest. */
  readonly manifest: string;
  /** Digest of the config document: the image id. */
  readonly id: string;
  /** Bytes of all files of all layers, unpacked. */
  readonly size: number;
  /** When it was made, as it says; when it was stored, for an image that hides its date. ISO 8601. */
  readonly created: string;
}

/** Canonical references to what they stand for. */
export type ImageIndex = Readonly<Record<string, IndexEntry>>;

/** The index as it is now; empty when nothing was ever stored. */
export function readIndex(instance: Instance): ImageIndex {
  const path = indexPath(instance);
  const text = readTextIfAny(path);
  if (text === undefined) return {};
  try {
    return (JSON.parse(text) as { readonly images: ImageIndex }).images;
  } catch (cause) {
    throw new SetupError(`${path}: not an image index (remove it and make the images again)`, { cause });
  }
}

/** Runs `act` while nobody else changes the store. Synchronous, as every lock here. */
export function withStoreLock<T>(instance: Instance, act: () => T): T {
  mkdirSync(dirname(storeLockPath(instance)), { recursive: true, mode: 0o700 });
  return withLock(storeLockPath(instance), act);
}

/** Replaces the index by what `change` makes of it. The caller holds the store's lock. */
export function changeIndex(instance: Instance, change: (index: ImageIndex) => ImageIndex): void {
  const images = Object.fromEntries(
    Object.entries(change(readIndex(instance))).sort(([a], [b]) => (a < b ? -1 : 1)),
  );
  writeFileAtomic(indexPath(instance), `${JSON.stringify({ version: 1, images }, undefined, 1)}\n`);
}

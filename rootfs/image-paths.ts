import { SetupError } from "../src/core/errors.ts";
import { join } from "../src/core/join.ts";
import type { Instance } from "../src/core/paths.ts";
import { digestPattern } from "./reference.ts";

/** Which names there are: canonical reference to image. */
export function indexPath(instance: Instance): string {
  return join(instance.root, "images", "index.json");
}

/** Held with flock(2) while the index changes or garbage is collected; readers need it not. */
export function storeLockPath(instance: Instance): string {
  return join(instance.root, "images", "lock");
}

export function layersPath(instance: Instance): string {
  return join(instance.root, "layers");
}

export function blobsPath(instance: Instance): string {
  return join(instance.root, "blobs", "sha256");
}

/** The hex digits of a digest. A digest becomes a path, so nothing that is not one passes. */
export function hexOf(digest: string): string {
  if (!digestPattern.test(digest)) {
    throw new SetupError(`digest ${JSON.stringify(digest)}: expected sha256: and 64 hex digits`);
  }
  return digest.slice("sha256:".length);
}

/** A document (manifest, config) by its digest. */
export function blobPath(instance: Instance, digest: string): string {
  return join(blobsPath(instance), hexOf(digest));
}

/** The unpacked layer whose uncompressed tar has this digest (its diff id). */
export function layerPath(instance: Instance, diffId: string): string {
  return join(layersPath(instance), hexOf(diffId));
}

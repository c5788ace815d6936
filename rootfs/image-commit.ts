import { createHash } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import { writeFileAtomic } from "../src/core/atomic.ts";
import { SetupError } from "../src/core/errors.ts";
import type { Instance } from "../src/core/paths.ts";
import type { Descriptor, Image, ImageDocument, Manifest } from "./image.ts";
import { changeIndex, withStoreLock } from "./image-index.ts";
import { blobPath, blobsPath, layerPath } from "./image-paths.ts";
import { resolveImage } from "./image-store.ts";
import { keepStagedLayer } from "./layer-staging.ts";
import { canonicalName, parseReference } from "./reference.ts";

/** Media types of the OCI image-spec (media-types.md). */
export const mediaTypes = {
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  /** An uncompressed layer. */
  layer: "application/vnd.oci.image.layer.v1.tar",
} as const;

/** `sha256:...` of these bytes. */
export function digestOf(bytes: string | Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** An image about to be stored. */
export interface NewImage {
  readonly name: string;
  /** The config document as it was received or is to be written: its digest is the image id. */
  readonly config: string;
  /** The layers as the manifest lists them, lowest first. */
  readonly layers: readonly Descriptor[];
  /** The manifest as it was received; made from config and layers when undefined. */
  readonly manifest?: string | undefined;
  /** Unpacked layers that are not in the store yet, by diff id. */
  readonly staged: ReadonlyMap<string, string>;
  /** Bytes of all files, unpacked. */
  readonly size: number;
}

/** The manifest of an image that was made here. */
function manifestOf(config: string, layers: readonly Descriptor[]): Manifest {
  return {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.config, digest: digestOf(config), size: Buffer.byteLength(config) },
    layers,
  };
}

/** Builders that want the same bytes every time write a date of long ago: then now is the better answer. */
function creationDate({ created }: ImageDocument): string {
  const date = Date.parse(created ?? "");
  return new Date(date > Date.UTC(1980, 0, 2) ? date : Date.now()).toISOString();
}

/**
 * Stores an image: its layers by rename, its documents, and last its name, so that whoever finds the name finds
 * everything. Killed in between, it leaves only what {@link collectImageGarbage} removes.
 * @throws SetupError when a layer of the config is neither staged nor stored.
 */
export function commitImage(instance: Instance, image: NewImage): Image {
  const manifest = image.manifest ?? JSON.stringify(manifestOf(image.config, image.layers));
  const id = digestOf(image.config);
  const manifestDigest = digestOf(manifest);
  const document = JSON.parse(image.config) as ImageDocument;
  withStoreLock(instance, () => {
    for (const [diffId, staging] of image.staged) keepStagedLayer(instance, staging, diffId);
    for (const diffId of document.rootfs.diff_ids) {
      if (!existsSync(layerPath(instance, diffId))) {
        throw new SetupError(`image ${image.name}: layer ${diffId} is not in the store`);
      }
    }
    mkdirSync(blobsPath(instance), { recursive: true, mode: 0o700 });
    writeFileAtomic(blobPath(instance, id), image.config);
    writeFileAtomic(blobPath(instance, manifestDigest), manifest);
    const entry = { manifest: manifestDigest, id, size: image.size, created: creationDate(document) };
    changeIndex(instance, (index) => ({ ...index, [canonicalName(parseReference(image.name))]: entry }));
  });
  const stored = resolveImage(instance, image.name);
  if (stored === undefined) throw new SetupError(`image ${image.name}: was removed while it was stored`);
  return stored;
}

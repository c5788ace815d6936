import { readTextIfAny } from "../src/core/atomic.ts";
import { SetupError, UsageError } from "../src/core/errors.ts";
import type { Instance } from "../src/core/paths.ts";
import { completeConfig, type Image, type ImageDocument } from "./image.ts";
import { changeIndex, type ImageIndex, type IndexEntry, readIndex, withStoreLock } from "./image-index.ts";
import { blobPath, layerPath } from "./image-paths.ts";
import {
  canonicalName,
  familiarName,
  familiarRepository,
  parseReference,
  type Reference,
} from "./reference.ts";

const idPattern = /^(?:sha256:)?([0-9a-f]{4,64})$/;

function load(instance: Instance, reference: string, entry: IndexEntry): Image {
  const path = blobPath(instance, entry.id);
  const text = readTextIfAny(path);
  if (text === undefined) {
    throw new SetupError(`image ${reference}: ${path} is missing (remove the image and make it again)`);
  }
  const document = JSON.parse(text) as ImageDocument;
  return {
    reference,
    id: entry.id,
    manifest: entry.manifest,
    config: completeConfig(document),
    layers: document.rootfs.diff_ids.map((diffId) => layerPath(instance, diffId)),
    size: entry.size,
    created: entry.created,
    architecture: document.architecture ?? "",
  };
}

/** The entries that `text` names: by name, by name and digest, or by the beginning of an id. */
function find(index: ImageIndex, text: string): readonly (readonly [string, IndexEntry])[] {
  const digits = idPattern.exec(text)?.[1];
  let reference: Reference | undefined;
  // 64 hex digits can only be an id, and `sha256:ab12` is one although it could be read as a tag.
  if (digits === undefined || (digits.length < 64 && !text.startsWith("sha256:")))
    reference = parseReference(text);
  if (reference !== undefined && reference.digest === undefined) {
    const name = canonicalName(reference);
    const entry = index[name];
    if (entry !== undefined) return [[name, entry]];
  } else if (reference !== undefined) {
    // As docker: with a digest the tag does not count.
    const { domain, path, digest } = reference;
    const found = Object.entries(index).find(
      ([name, { manifest }]) =>
        manifest === digest && [":", "@"].some((mark) => name.startsWith(`${domain}/${path}${mark}`)),
    );
    return found === undefined ? [] : [found];
  }
  if (digits === undefined) return [];
  const found = Object.entries(index).filter(([, { id }]) => id.startsWith(`sha256:${digits}`));
  if (new Set(found.map(([, { id }]) => id)).size > 1) {
    throw new UsageError(`image ${text}: more than one image id begins so; give more digits`);
  }
  return found;
}

function familiar(canonical: string): string {
  return familiarName(parseReference(canonical));
}

/**
 * The image that `reference` names (a name, `name@digest`, or the beginning of an id), or undefined. Two small reads,
 * no hashing: the start of a container passes here.
 * @throws UsageError for a malformed name or an ambiguous id, SetupError when the store is damaged.
 */
export function resolveImage(instance: Instance, reference: string): Image | undefined {
  const index = readIndex(instance);
  // The usual short name, without the parser: what the index has is well-formed.
  const usual = index[`docker.io/library/${reference}:latest`];
  if (usual !== undefined) return load(instance, `${reference}:latest`, usual);
  const found = find(index, reference)[0];
  return found === undefined ? undefined : load(instance, familiar(found[0]), found[1]);
}

/** Every name of the store with its image, by name. */
export function listImages(instance: Instance): readonly Image[] {
  return Object.entries(readIndex(instance)).map(([name, entry]) => load(instance, familiar(name), entry));
}

/** What {@link removeImage} took away. */
export interface RemovedImage {
  /** Familiar names that are gone. */
  readonly untagged: readonly string[];
  /** The image id, when no name stands for it any more; its files go with the next garbage collection. */
  readonly deleted: string | undefined;
}

/**
 * Takes a name away, or with an id all names of that image; undefined when there is no such image.
 * @throws UsageError when an id has several names and `force` is not given.
 */
export function removeImage(instance: Instance, text: string, force = false): RemovedImage | undefined {
  if (find(readIndex(instance), text).length === 0) return undefined;
  return withStoreLock(instance, () => {
    const index = readIndex(instance);
    const found = find(index, text);
    const id = found[0]?.[1].id;
    if (found.length > 1 && !force) {
      const names = found.map(([name]) => familiar(name)).join(", ");
      throw new UsageError(`image ${text}: has the names ${names}: remove these, or use --force`);
    }
    const gone = new Set(found.map(([name]) => name));
    const left = Object.entries(index).filter(([name]) => !gone.has(name));
    changeIndex(instance, () => Object.fromEntries(left));
    const deleted = left.some(([, entry]) => entry.id === id) ? undefined : id;
    return { untagged: [...gone].map(familiar), deleted };
  });
}

/** Lets `name` stand for the image that `reference` names, whatever it stood for before. */
export function tagImage(instance: Instance, reference: string, name: string): void {
  const target = parseReference(name);
  if (target.digest !== undefined) {
    throw new UsageError(`image ${name}: a name to give has no digest: ${familiarRepository(target)}:TAG`);
  }
  withStoreLock(instance, () => {
    const entry = find(readIndex(instance), reference)[0]?.[1];
    if (entry === undefined) throw new UsageError(`image ${reference}: no such image`);
    changeIndex(instance, (index) => ({ ...index, [canonicalName(target)]: entry }));
  });
}

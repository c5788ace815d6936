import type { Instance } from "../../src/core/paths.ts";
import { formatBytes } from "../../src/core/units.ts";
import type { Descriptor, Image, ImageDocument } from "../image.ts";
import { commitImage, digestOf, mediaTypes } from "../image-commit.ts";
import { layerPath } from "../image-paths.ts";
import { resolveImage } from "../image-store.ts";
import { discardLayer, dropStagedLayer, stageLayer } from "../layer-staging.ts";
import { digestLayer, type LayerDigest, readLayer } from "../layer-tar.ts";
import type { LayerEntry } from "../layer-tree.ts";
import { writeLayer } from "../layer-write.ts";
import { collectLab, type MissingProgram } from "./contents.ts";

/** The name of the embedded default image. */
export const labName = "lab";

export interface LabOptions {
  /** Default `lab`. */
  readonly name?: string | undefined;
  /** Host files to add as /usr/local/bin/NAME, with the libraries they need. */
  readonly programs?: readonly string[] | undefined;
  /** Also compare the stored files with what they should be, and mend them. No container may be using the image. */
  readonly force?: boolean | undefined;
}

export interface CreatedLab {
  readonly image: Image;
  /** False when the same image was there already. */
  readonly changed: boolean;
  readonly missing: readonly MissingProgram[];
}

const architectures: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

/** The config document: nothing in it depends on when or where the image is made. */
function labConfig(diffId: string, arch: string = process.arch): string {
  const date = "1970-01-01T00:00:00Z";
  const document: ImageDocument = {
    architecture: architectures[arch] ?? arch,
    os: "linux",
    created: date,
    config: {
      Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"],
      Cmd: ["/bin/bash"],
      WorkingDir: "/",
    },
    rootfs: { type: "layers", diff_ids: [diffId] },
    history: [{ created: date, created_by: "mdocker image create" }],
  };
  return JSON.stringify(document);
}

/** Writes the layer beside the store and digests what was written: that, not the plan, is what gets the name. */
async function buildLayer(
  instance: Instance,
  entries: readonly LayerEntry[],
): Promise<{ readonly staging: string; readonly digest: LayerDigest }> {
  const staging = stageLayer(instance);
  try {
    writeLayer(staging, entries);
    return { staging, digest: await digestLayer(readLayer(staging)) };
  } catch (error) {
    dropStagedLayer(staging);
    throw error;
  }
}

/** Takes a layer out of the store whose files are not what its name says. */
async function discardIfDamaged(instance: Instance, diffId: string): Promise<boolean> {
  let actual: string | undefined;
  try {
    actual = (await digestLayer(readLayer(layerPath(instance, diffId)))).diffId;
  } catch {
    // Unreadable, or with things in it that we never wrote.
  }
  if (actual === diffId) return false;
  discardLayer(instance, diffId.slice("sha256:".length));
  return true;
}

/**
 * Makes the default image from this host's own programs, without any network: the same files give the same digest,
 * whenever and wherever it is made. Nothing is written when the store has it already.
 * @throws UsageError for an unusable extra program, SetupError when a library is not installed.
 */
export async function createLabImage(instance: Instance, options: LabOptions = {}): Promise<CreatedLab> {
  const name = options.name ?? labName;
  const existing = resolveImage(instance, name);
  const { tree, missing } = collectLab(options.programs);
  if (existing !== undefined) {
    const { diffId } = await digestLayer(tree.entries);
    if (existing.id === digestOf(labConfig(diffId))) {
      const damaged = options.force === true && (await discardIfDamaged(instance, diffId));
      if (!damaged) return { image: existing, changed: false, missing };
    }
  }
  const { staging, digest } = await buildLayer(instance, tree.entries);
  const layer: Descriptor = { mediaType: mediaTypes.layer, digest: digest.diffId, size: digest.tarSize };
  try {
    const image = commitImage(instance, {
      name,
      config: labConfig(digest.diffId),
      layers: [layer],
      staged: new Map([[digest.diffId, staging]]),
      size: digest.size,
    });
    return { image, changed: true, missing };
  } finally {
    dropStagedLayer(staging);
  }
}

/** One line for each package that the host lacks: `curl, dig, nslookup are missing (...)`. */
export function describeMissing(missing: readonly MissingProgram[]): string | undefined {
  if (missing.length === 0) return undefined;
  const names = missing.map(({ name }) => name).join(", ");
  const packages = [...new Set(missing.map((program) => program.package))].join(" ");
  return `without ${names}, which this host does not have (Debian: apt-get install ${packages})`;
}

/**
 * The default image, made first if it is not there; `say` gets a line for people about what is being done. For the
 * first `run` on a machine.
 */
export async function ensureLabImage(instance: Instance, say: (line: string) => void): Promise<Image> {
  const existing = resolveImage(instance, labName);
  if (existing !== undefined) return existing;
  say(`image ${labName}: making it from this host's programs, once`);
  const { image, missing } = await createLabImage(instance);
  const lacking = describeMissing(missing);
  if (lacking !== undefined) say(`image ${labName}: ${lacking}`);
  say(`image ${labName}: ${formatBytes(image.size)}`);
  return image;
}

import type { Command } from "commander";
import type { Image } from "../../rootfs/image.ts";
import { collectImageGarbage } from "../../rootfs/image-garbage.ts";
import {
  listImages,
  type RemovedImage,
  removeImage,
  resolveImage,
  tagImage,
} from "../../rootfs/image-store.ts";
import { familiarRepository, parseReference } from "../../rootfs/reference.ts";
import { listRecords } from "../container/store.ts";
import { describeAge } from "../core/age.ts";
import { UsageError } from "../core/errors.ts";
import type { Instance } from "../core/paths.ts";
import { formatBytes, parseBytes } from "../core/units.ts";
import { print, say } from "./output.ts";
import { requireRoot } from "./privilege.ts";
import { instanceOf } from "./program.ts";
import { renderTable } from "./table.ts";

/** The digest of an image as people see it: 12 digits. */
function shortId(id: string, full: boolean): string {
  return full ? id : id.replace("sha256:", "").slice(0, 12);
}

interface ListOptions {
  readonly quiet?: boolean;
  readonly trunc: boolean;
  readonly json?: boolean;
}

/** What `image ls` prints. */
function renderImages(images: readonly Image[], options: ListOptions, now: number): string {
  if (options.json) return images.map((image) => `${JSON.stringify(inspected(image))}\n`).join("");
  if (options.quiet) return images.map(({ id }) => `${shortId(id, !options.trunc)}\n`).join("");
  const rows = images.map((image) => {
    const reference = parseReference(image.reference);
    return [
      familiarRepository(reference),
      reference.tag ?? "<none>",
      shortId(image.id, !options.trunc),
      `${describeAge(Math.max(0, now - Date.parse(image.created)))} ago`,
      formatBytes(image.size),
    ];
  });
  return renderTable(["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"], rows);
}

/** One image as `docker image inspect` names its fields. */
function inspected(image: Image): Readonly<Record<string, unknown>> {
  return {
    Id: image.id,
    RepoTags: [image.reference],
    Manifest: image.manifest,
    Created: image.created,
    Architecture: image.architecture,
    Os: "linux",
    Size: image.size,
    Config: image.config,
    Layers: image.layers,
  };
}

function find(instance: Instance, name: string): Image {
  const image = resolveImage(instance, name);
  if (image === undefined) throw new UsageError(`image ${name}: no such image (see mdocker image ls)`);
  return image;
}

/**
 * The layers that containers stand on: running ones, and those that were kept.
 * @throws UnreadableRecordError when a container does not tell.
 */
function layersInUse(instance: Instance): string[] {
  const refuse = (error: Error): never => {
    throw error;
  };
  return listRecords(instance, refuse).flatMap(({ layers }) => layers);
}

interface CreateOptions {
  readonly program: readonly string[];
  readonly force?: boolean;
}

async function create(instance: Instance, name: string, options: CreateOptions): Promise<void> {
  const { createLabImage, describeMissing } = await import("../../rootfs/lab/create.ts");
  const { image, changed, missing } = await createLabImage(instance, {
    name,
    programs: options.program,
    force: options.force,
  });
  const lacking = describeMissing(missing);
  if (lacking !== undefined) say(`${name}: ${lacking}`);
  print(changed ? `${name}: ${image.id} (${formatBytes(image.size)})\n` : `${name}: up to date\n`);
}

function remove(instance: Instance, name: string, force: boolean): RemovedImage {
  const used = new Set(layersInUse(instance));
  if (!force && find(instance, name).layers.some((layer) => used.has(layer))) {
    throw new UsageError(
      `image ${name}: a container stands on it (see mdocker ps -a): remove that first, or --force`,
    );
  }
  const removed = removeImage(instance, name, force);
  if (removed === undefined) throw new UsageError(`image ${name}: no such image (see mdocker image ls)`);
  return removed;
}

interface ImportFlags {
  readonly change: readonly string[];
  readonly message?: string;
  readonly maxSize?: number;
}

/** A file as a stream, open already: that it is not there is said before anything is made. */
async function openTar(file: string): Promise<AsyncIterable<Uint8Array>> {
  const { open } = await import("node:fs/promises");
  try {
    return (await open(file, "r")).createReadStream();
  } catch (cause) {
    throw new UsageError(`image import: ${file}: cannot be read: expected a tar of a root filesystem`, {
      cause,
    });
  }
}

/** Adds `image` to the command tree: make, show, name and remove images. */
export function registerImage(program: Command): void {
  const image = program
    .command("image")
    .helpOption("--help", "show help")
    .description("make, list, inspect and remove images");
  image
    .command("create")
    .helpOption("--help", "show help")
    .description("make the default image from this host's own programs, without any network")
    .argument("[name]", "name of the image", "lab")
    .option(
      "--program <file>",
      "also put this program into /usr/local/bin, with the libraries it needs (repeatable)",
      (file: string, files: readonly string[]) => [...files, file],
      [] as readonly string[],
    )
    .option(
      "-f, --force",
      "also check the stored files, and mend them (no container may be running from them)",
    )
    .action(async (name: string, options: CreateOptions, command: Command) => {
      requireRoot("image create");
      await create(instanceOf(command), name, options);
    });
  image
    .command("import")
    .helpOption("--help", "show help")
    .description(
      "make an image of one layer from a tar of a root filesystem, plain or compressed with gzip, bzip2, xz or zstd",
    )
    .argument("<file>", "the tar, or - for stdin")
    .argument("<name>", "name of the image")
    .option(
      "-c, --change <line>",
      "a line of a Dockerfile: CMD, ENTRYPOINT, ENV, EXPOSE, WORKDIR or USER (repeatable)",
      (line: string, lines: readonly string[]) => [...lines, line],
      [] as readonly string[],
    )
    .option("-m, --message <text>", "for the image's history")
    .option(
      "--max-size <size>",
      "refuse an archive that holds more, uncompressed (default 32g)",
      (text: string) => parseBytes(text, "--max-size"),
    )
    .action(async (file: string, name: string, options: ImportFlags, command: Command) => {
      requireRoot("image import");
      const { importImage } = await import("../container/import-image.ts");
      const source = file === "-" ? process.stdin : await openTar(file);
      const { id } = await importImage(instanceOf(command), name, source, {
        changes: options.change,
        message: options.message,
        maxSize: options.maxSize,
      });
      print(`${id}\n`);
    });
  image
    .command("ls")
    .helpOption("--help", "show help")
    .alias("list")
    .description("list images")
    .option("-q, --quiet", "only the ids")
    .option("--no-trunc", "whole ids")
    .option("--json", "one JSON document a line")
    .action((options: ListOptions, command: Command) => {
      requireRoot("image ls");
      print(renderImages(listImages(instanceOf(command)), options, Date.now()));
    });
  image
    .command("inspect")
    .helpOption("--help", "show help")
    .description("show all that is known of images, as JSON")
    .argument("<name...>", "name or beginning of an id")
    .action((names: readonly string[], _: unknown, command: Command) => {
      requireRoot("image inspect");
      const instance = instanceOf(command);
      print(
        JSON.stringify(
          names.map((name) => inspected(find(instance, name))),
          undefined,
          2,
        ),
      );
    });
  image
    .command("tag")
    .helpOption("--help", "show help")
    .description("give an image another name")
    .argument("<image>", "name or beginning of an id")
    .argument("<name>", "the new name")
    .action((reference: string, name: string, _: unknown, command: Command) => {
      requireRoot("image tag");
      tagImage(instanceOf(command), reference, name);
    });
  image
    .command("rm")
    .helpOption("--help", "show help")
    .alias("remove")
    .description("take names away from images, and remove those that have none left")
    .argument("<name...>", "name or beginning of an id")
    .option("-f, --force", "also when a container stands on it, or an id has several names")
    .action((names: readonly string[], options: { readonly force?: boolean }, command: Command) => {
      requireRoot("image rm");
      const instance = instanceOf(command);
      try {
        for (const name of names) {
          const { untagged, deleted } = remove(instance, name, options.force === true);
          for (const reference of untagged) print(`Untagged: ${reference}\n`);
          if (deleted !== undefined) print(`Deleted: ${deleted}\n`);
        }
      } finally {
        collectImageGarbage(instance, layersInUse(instance));
      }
    });
}

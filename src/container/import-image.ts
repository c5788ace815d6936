import { createHash } from "node:crypto";
import { chmodSync } from "node:fs";
import { Readable } from "node:stream";
import type { Image, ImageDocument } from "../../rootfs/image.ts";
import { commitImage, mediaTypes } from "../../rootfs/image-commit.ts";
import { dropStagedLayer, stageLayer } from "../../rootfs/layer-staging.ts";
import { UsageError } from "../core/errors.ts";
import type { Instance } from "../core/paths.ts";
import { formatBytes } from "../core/units.ts";
import { Directory, resolution } from "../sys/directory.ts";
import { ByteReader } from "./archive/byte-reader.ts";
import type { ArchiveEntry } from "./archive/entry.ts";
import { expand } from "./archive/expand.ts";
import { readTar } from "./archive/tar-read.ts";
import { unpack } from "./archive/unpack.ts";

type Config = NonNullable<ImageDocument["config"]>;

const defaults: Config = {
  Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
  Cmd: ["/bin/sh"],
};

/** A command of a Dockerfile: a JSON array, or a line for the shell. */
function wordsOf(text: string): string[] {
  if (!text.startsWith("[")) return ["/bin/sh", "-c", text];
  try {
    const words: unknown = JSON.parse(text);
    if (Array.isArray(words) && words.every((word) => typeof word === "string")) return words;
  } catch {
    // Told below.
  }
  throw new UsageError(`--change: ${text}: expected a JSON array of strings, or a line for the shell`);
}

/** `80 53/udp` as the config has it. */
function exposedBy(change: string, ports: string): Record<string, object> {
  const names = ports.split(/\s+/).map((port) => {
    if (!/^\d{1,5}(\/(tcp|udp|sctp))?$/i.test(port) || Number.parseInt(port, 10) > 65_535)
      throw new UsageError(`--change: ${change}: expected EXPOSE PORT[/tcp|udp|sctp]...`);
    return port.includes("/") ? port.toLowerCase() : `${port}/tcp`;
  });
  return Object.fromEntries(names.map((name) => [name, {}]));
}

/** The config with one more change, a line of a Dockerfile. @throws UsageError for one that is not understood */
function changed(before: Config, change: string): Config {
  const [, word = "", rest = ""] = /^\s*([a-z]+)\s+(.*?)\s*$/is.exec(change) ?? [];
  switch (word.toUpperCase()) {
    case "CMD":
      return { ...before, Cmd: wordsOf(rest) };
    case "ENTRYPOINT":
      return { ...before, Entrypoint: wordsOf(rest) };
    case "ENV": {
      const [, key = "", value = ""] = /^([^\s=]+)[\s=](.*)$/s.exec(rest) ?? [];
      if (key === "") throw new UsageError(`--change: ${change}: expected ENV KEY=VALUE`);
      const others = (before.Env ?? []).filter((one) => !one.startsWith(`${key}=`));
      return { ...before, Env: [...others, `${key}=${value.replace(/^"(.*)"$/s, "$1")}`] };
    }
    case "EXPOSE":
      return { ...before, ExposedPorts: { ...before.ExposedPorts, ...exposedBy(change, rest) } };
    case "WORKDIR":
      return { ...before, WorkingDir: rest };
    case "USER":
      return { ...before, User: rest };
    default:
      throw new UsageError(`--change: ${change}: expected CMD, ENTRYPOINT, ENV, EXPOSE, WORKDIR or USER`);
  }
}

/** The stream itself, uncompressed where it is compressed. */
async function* plain(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const raw = new ByteReader(Readable.from(stream, { objectMode: false }));
  try {
    yield* (await expand(raw)).remainder();
  } finally {
    await raw.close();
  }
}

/** Bytes of a tar, uncompressed, beyond which it is taken for a bomb: a few kilobytes can stand for as many. */
const usualMaxSize = 32 * 1024 ** 3;
/** The same of entries: each takes an inode, and 512 bytes of a tar that may be compressed to nothing. */
const usualMaxEntries = 2_000_000;

export interface ImportOptions {
  /** Bytes of the tar, uncompressed; default 32 GiB. */
  readonly maxSize?: number | undefined;
  /** Entries of the tar; default two million. */
  readonly maxEntries?: number | undefined;
  /** Lines of a Dockerfile: CMD, ENTRYPOINT, ENV, EXPOSE, WORKDIR, USER. */
  readonly changes: readonly string[];
  /** For the image's history. */
  readonly message?: string | undefined;
}

/** The entries, up to so many. */
async function* counting(
  entries: AsyncIterable<ArchiveEntry>,
  maxEntries: number,
): AsyncGenerator<ArchiveEntry> {
  let count = 0;
  for await (const entry of entries) {
    count += 1;
    if (count > maxEntries)
      throw new UsageError(`the archive has more than ${maxEntries} entries: no image needs as many`);
    yield entry;
  }
}

/**
 * Makes an image of one layer from a tar of a root filesystem, plain or compressed: what `export` writes.
 * @throws UsageError for what is no tar, leads out or is too large; nothing of it stays.
 */
export async function importImage(
  instance: Instance,
  name: string,
  stream: AsyncIterable<Uint8Array>,
  { changes, message, maxSize = usualMaxSize, maxEntries = usualMaxEntries }: ImportOptions,
): Promise<Image> {
  let config = defaults;
  for (const change of changes) config = changed(config, change);
  const staging = stageLayer(instance);
  let kept = false;
  try {
    const hash = createHash("sha256");
    let tarSize = 0;
    const counted = async function* (): AsyncGenerator<Uint8Array> {
      for await (const part of plain(stream)) {
        hash.update(part);
        tarSize += part.length;
        if (tarSize > maxSize)
          throw new UsageError(
            `the archive holds more than ${formatBytes(maxSize)}: give --max-size if it may, and is no bomb`,
          );
        yield part;
      }
    };
    // One that is stopped at the end mark has not seen what may follow it, which the digest is of, too.
    const tar = counted();
    const whole = { [Symbol.asyncIterator]: () => ({ next: () => tar.next() }) };
    const root = Directory.host(staging);
    let size: number;
    try {
      size = await unpack(counting(readTar(whole), maxEntries), {
        open: (path) => (path === "" ? root.again() : root.descend(path, resolution.inRoot)),
        owner: "theirs",
        replaceDirectories: true,
      });
    } finally {
      root.close();
    }
    for (let rest = await tar.next(); rest.done !== true; rest = await tar.next());
    if (tarSize === 0) throw new UsageError("the archive is empty: expected a tar of a root filesystem");
    chmodSync(staging, 0o755);
    const diffId = `sha256:${hash.digest("hex")}`;
    const created = new Date().toISOString();
    const document: ImageDocument = {
      architecture: process.arch === "x64" ? "amd64" : process.arch,
      os: "linux",
      created,
      config,
      rootfs: { type: "layers", diff_ids: [diffId] },
      history: [{ created, created_by: message ?? "mdocker image import" }],
    };
    const image = commitImage(instance, {
      name,
      config: JSON.stringify(document),
      layers: [{ mediaType: mediaTypes.layer, digest: diffId, size: tarSize }],
      staged: new Map([[diffId, staging]]),
      size,
    });
    kept = true;
    return image;
  } finally {
    if (!kept) dropStagedLayer(staging);
  }
}

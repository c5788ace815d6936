import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { SetupError } from "../src/core/errors.ts";
import type { LayerEntry } from "./layer-tree.ts";

/** What the tar stream of a layer came to. */
export interface LayerDigest {
  /** `sha256:...` of the uncompressed tar: the layer's diff id. */
  readonly diffId: string;
  /** Bytes of the tar. */
  readonly tarSize: number;
  /** Bytes of the files in it. */
  readonly size: number;
}

const epoch = new Date(0);

/**
 * Writes entries (sorted by path) as a tar stream that depends on nothing but them: no times, no user names, no order of
 * a directory. `sink` gets the chunks.
 */
export async function packLayer(
  entries: readonly LayerEntry[],
  sink: (chunk: Uint8Array) => void,
): Promise<void> {
  const { pack } = await import("tar-stream");
  const tar = pack();
  const drained = (async () => {
    for await (const chunk of tar) sink(chunk as Uint8Array);
  })();
  const write = (header: Parameters<typeof tar.entry>[0], content: Buffer) =>
    new Promise<void>((resolve, reject) => {
      tar.entry(header, content, (error) => (error ? reject(error) : resolve()));
    });
  for (const entry of entries) {
    const header = { name: entry.path, uid: entry.uid, gid: entry.gid, mtime: epoch, uname: "", gname: "" };
    switch (entry.kind) {
      case "directory":
        await write(
          { ...header, type: "directory", name: `${entry.path}/`, mode: entry.mode },
          Buffer.alloc(0),
        );
        break;
      case "symlink":
        await write({ ...header, type: "symlink", linkname: entry.target, mode: 0o777 }, Buffer.alloc(0));
        break;
      case "file": {
        const content = "source" in entry ? readFileSync(entry.source) : Buffer.from(entry.content);
        await write({ ...header, type: "file", size: content.length, mode: entry.mode }, content);
        break;
      }
      default:
        entry satisfies never;
    }
  }
  tar.finalize();
  await drained;
}

/** The digest and sizes of a layer with these entries. */
export async function digestLayer(entries: readonly LayerEntry[]): Promise<LayerDigest> {
  const hash = createHash("sha256");
  let tarSize = 0;
  await packLayer(entries, (chunk) => {
    hash.update(chunk);
    tarSize += chunk.length;
  });
  let size = 0;
  for (const entry of entries) {
    if (entry.kind !== "file") continue;
    size += "source" in entry ? lstatSync(entry.source).size : Buffer.byteLength(entry.content);
  }
  return { diffId: `sha256:${hash.digest("hex")}`, tarSize, size };
}

/**
 * The entries of an unpacked layer, as they are on disk.
 * @throws SetupError for what a plain layer does not have (devices, sockets).
 */
export function readLayer(root: string, folder = ""): LayerEntry[] {
  const entries: LayerEntry[] = [];
  for (const name of readdirSync(join(root, folder))) {
    const path = folder === "" ? name : `${folder}/${name}`;
    const source = join(root, path);
    const stat = lstatSync(source);
    const base = { path, uid: stat.uid, gid: stat.gid };
    const mode = stat.mode & 0o7777;
    if (stat.isSymbolicLink()) entries.push({ ...base, kind: "symlink", target: readlinkSync(source) });
    else if (stat.isFile()) entries.push({ ...base, kind: "file", mode, source });
    else if (stat.isDirectory()) {
      entries.push({ ...base, kind: "directory", mode });
      entries.push(...readLayer(root, path));
    } else throw new SetupError(`${source}: neither file, directory nor symbolic link`);
  }
  return folder === "" ? entries.sort((a, b) => (a.path < b.path ? -1 : 1)) : entries;
}

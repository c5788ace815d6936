import { closeSync, constants, fstatSync, openSync, readFileSync, readlinkSync, type Stats } from "node:fs";
import { SetupError } from "../src/core/errors.ts";
import { pathBytes, pathText, type RawPath, rawPath } from "../src/core/raw-path.ts";
import { findInMerged, type Layered, lstatIfAny } from "../src/sys/layered.ts";

/** As the kernel's (path_resolution(7)). */
const maxLinks = 40;

/** A path found in a stack of layers. */
export interface Found {
  /** Where the host has it. The last component is no symbolic link. */
  readonly host: string;
  /** Where the container will see it, links resolved. */
  readonly path: string;
  readonly stat: Stats;
}

/** Why nothing was found. */
export type NotFound = "ENOENT" | "ENOTDIR" | "ELOOP";

/** A directory of the merged tree: the host directories that make it up, topmost first. */
interface Merged {
  readonly path: RawPath;
  readonly parts: readonly RawPath[];
}

/**
 * Looks up `path` in a stack of layer directories (lowest first, as an image lists them) as the container will see it:
 * whiteouts and opaque directories hide, symbolic links start at the stack's own root, `..` never leaves it.
 */
export function lookUp(layers: readonly string[], path: string): Found | NotFound {
  const root: Merged = { path: "", parts: layers.map(rawPath).reverse() };
  let trail: Merged[] = [root];
  let leaf: Layered | undefined;
  let leafPath = "";
  let links = 0;
  const pending = rawPath(path).split("/").reverse();
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (name === "" || name === ".") continue;
    if (leaf !== undefined) return "ENOTDIR";
    if (name === "..") {
      if (trail.length > 1) trail.pop();
      continue;
    }
    const here = trail.at(-1) ?? root;
    const next = findInMerged(here.parts, name);
    if (next === undefined) return "ENOENT";
    if (next.stat.isDirectory()) {
      trail.push({ path: `${here.path}/${name}`, parts: next.parts });
    } else if (next.stat.isSymbolicLink()) {
      links += 1;
      if (links > maxLinks) return "ELOOP";
      const target = readlinkSync(pathBytes(next.parts[0]), "latin1");
      if (target.startsWith("/")) trail = [root];
      pending.push(...target.split("/").reverse());
    } else {
      leaf = next;
      leafPath = `${here.path}/${name}`;
    }
  }
  if (leaf !== undefined) return { host: pathText(leaf.parts[0]), path: pathText(leafPath), stat: leaf.stat };
  const end = trail.at(-1) ?? root;
  const [host] = end.parts;
  const stat = host === undefined ? undefined : lstatIfAny(host);
  if (host === undefined || stat === undefined) return "ENOENT";
  return { host: pathText(host), path: end.path === "" ? "/" : pathText(end.path), stat };
}

/** The host path of what the container will see at `path`, or undefined. See {@link lookUp}. */
export function findInLayers(layers: readonly string[], path: string): string | undefined {
  const found = lookUp(layers, path);
  return typeof found === "string" ? undefined : found.host;
}

/**
 * The text of a regular file of the image; undefined when there is none. An image is not trusted: a FIFO in its place
 * does not block, and more than `limit` bytes are refused.
 */
export function readTextInLayers(
  layers: readonly string[],
  path: string,
  limit: number = 1 << 22,
): string | undefined {
  const found = lookUp(layers, path);
  if (typeof found === "string" || !found.stat.isFile()) return undefined;
  const fd = openSync(found.host, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) return undefined;
    if (stat.size > limit)
      throw new SetupError(`${path} of the image has ${stat.size} bytes: expected at most ${limit}`);
    return readFileSync(fd, "utf8");
  } finally {
    closeSync(fd);
  }
}

import { lstatSync, type Stats } from "node:fs";
import { hasErrno } from "../core/errors.ts";
import { pathBytes, type RawPath } from "../core/raw-path.ts";
import { getXattr } from "./xattr.ts";

/** One thing in a stack of layers, as overlayfs would show it. */
export interface Layered {
  readonly stat: Stats;
  /** The host paths it consists of, topmost first: more than one only for a directory. */
  readonly parts: readonly [RawPath, ...RawPath[]];
}

/** lstat(2), or undefined when there is no such thing. */
export function lstatIfAny(path: RawPath): Stats | undefined {
  try {
    return lstatSync(pathBytes(path));
  } catch (error) {
    if (hasErrno(error, "ENOENT", "ENOTDIR", "ENAMETOOLONG", "ERR_INVALID_ARG_VALUE")) return undefined;
    throw error;
  }
}

/** A whiteout of overlayfs, character device 0:0: what layers below have at this path is not there. */
export function isWhiteout(stat: Stats): boolean {
  return stat.isCharacterDevice() && stat.rdev === 0;
}

/** Whether an overlay directory hides all that is below it (Documentation/filesystems/overlayfs.rst). */
export function isOpaque(directory: RawPath): boolean {
  return ["trusted.overlay.opaque", "user.overlay.opaque"].some((name) => getXattr(directory, name) === "y");
}

/**
 * What a merged directory, made up of `directories` (topmost first), has by this name; undefined for nothing. Nothing is
 * followed. `name` is one component, not `..`.
 */
export function findInMerged(directories: readonly RawPath[], name: RawPath): Layered | undefined {
  let found: { stat: Stats; parts: [RawPath, ...RawPath[]] } | undefined;
  for (const directory of directories) {
    // Asked only when there is a layer below: the attribute costs two calls through koffi.
    if (found !== undefined && isOpaque(found.parts.at(-1) ?? "")) break;
    const path = `${directory}/${name}`;
    const stat = lstatIfAny(path);
    if (stat === undefined) continue;
    if (isWhiteout(stat)) break;
    if (!stat.isDirectory()) return found ?? { stat, parts: [path] };
    if (found === undefined) found = { stat, parts: [path] };
    else found.parts.push(path);
  }
  return found;
}

import { posix } from "node:path";
import type { RawPath } from "../../core/raw-path.ts";

/** A path as docker's cp reads it: absolute and without `..`, but with what it says at its end. */
export interface ArchivePath {
  /** `/a/b` */
  readonly path: RawPath;
  /** `/` or `/.` where it was written so: the path means a directory, and a link at its end what it leads to. */
  readonly suffix: "" | "/" | "/.";
  /** What things are called in an archive of it: `b`; `.` for `/a/b/.`, which means the content; `` for the root. */
  readonly base: RawPath;
  /** The directory above: `/a`; for `/a/b/.` that itself. */
  readonly parent: RawPath;
}

/** Takes a path apart; a relative one counts from `from`. */
export function archivePath(text: RawPath, from: RawPath = "/"): ArchivePath {
  const path = posix.resolve(from, text);
  const isContent = text === "." || text.endsWith("/.");
  const suffix = isContent ? "/." : text.endsWith("/") ? "/" : "";
  if (isContent) return { path, suffix, base: ".", parent: path };
  return { path, suffix, base: posix.basename(path), parent: posix.dirname(path) };
}

/** The path with its ending, as the kernel is to resolve it. */
export function wholePath({ path, suffix }: ArchivePath): RawPath {
  return path === "/" ? "/" : `${path}${suffix}`;
}

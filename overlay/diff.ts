import { lstatSync, type Stats } from "node:fs";
import { hasErrno } from "../src/core/errors.ts";
import { pathText, type RawPath, rawPath } from "../src/core/raw-path.ts";
import { Directory } from "../src/sys/directory.ts";
import { findInMerged, isOpaque, isWhiteout } from "../src/sys/layered.ts";

/** Added, changed or deleted. */
type ChangeKind = "A" | "C" | "D";

/** One difference between a container's writable layer and its image. */
export interface LayerChange {
  readonly kind: ChangeKind;
  /** As the container sees it: `/etc/passwd`. */
  readonly path: string;
}

/** One look at a writable layer: what was found, and what does not count. */
interface Walk {
  readonly changes: { readonly kind: ChangeKind; readonly path: RawPath }[];
  /** Mount points, and all directories above them. */
  readonly places: ReadonlySet<RawPath>;
  readonly aboves: ReadonlySet<RawPath>;
}

/** What a container that runs takes away while we look is not there. */
function unlessGone<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (hasErrno(error, "ENOENT", "ENOTDIR", "ELOOP")) return undefined;
    throw error;
  }
}

/** Names of a merged directory of the lowers, without what is whited out. */
function lowerNames(parts: readonly RawPath[]): RawPath[] {
  const names = parts.flatMap((part) => {
    const directory = Directory.host(part);
    try {
      return directory.names();
    } finally {
      directory.close();
    }
  });
  return [...new Set(names)].filter((name) => findInMerged(parts, name) !== undefined);
}

/** A directory is copied up whenever something in it changes; by itself it has changed only if this differs. */
function isSameDirectory(a: Stats, b: Stats, times: boolean): boolean {
  return a.mode === b.mode && a.uid === b.uid && a.gid === b.gid && (!times || a.mtimeMs === b.mtimeMs);
}

/** What one entry of the upper changes. */
function changesOf(
  walk: Walk,
  upper: Directory,
  at: RawPath,
  name: RawPath,
  parts: readonly RawPath[],
): void {
  const { changes } = walk;
  const path = `${at}/${name}`;
  const stat = unlessGone(() => lstatSync(upper.entry(name)));
  if (stat === undefined) return;
  const old = findInMerged(parts, name);
  if (isWhiteout(stat)) {
    if (old !== undefined) changes.push({ kind: "D", path });
    return;
  }
  const before = changes.length;
  if (stat.isDirectory()) {
    // Opened by name without following links: one that took the directory's place leads nowhere.
    const inside = unlessGone(() => upper.child(name));
    if (inside === undefined) return;
    try {
      changesIn(walk, inside, path, old?.stat.isDirectory() ? old.parts : []);
    } finally {
      inside.close();
    }
  }
  const quiet = changes.length === before;
  const isAbove = walk.aboves.has(path);
  if (old === undefined) {
    const empty = stat.isDirectory() ? quiet : stat.isFile() && stat.size === 0;
    const isPlace = walk.places.has(path) || (stat.isDirectory() && isAbove);
    if (!(isPlace && empty)) changes.push({ kind: "A", path });
  } else if (!stat.isDirectory() || !quiet || !isSameDirectory(stat, old.stat, !isAbove)) {
    changes.push({ kind: "C", path });
  }
}

/** What one directory of the upper changes; `parts` are the directories that the lowers have there, if any. */
function changesIn(walk: Walk, upper: Directory, at: RawPath, parts: readonly RawPath[]): void {
  const names = unlessGone(() => upper.names()) ?? [];
  // What an opaque directory hides, and has not itself, is deleted.
  if (parts.length > 0 && at !== "" && isOpaque(upper.self)) {
    const kept = new Set(names);
    for (const name of lowerNames(parts)) {
      if (!kept.has(name)) walk.changes.push({ kind: "D", path: `${at}/${name}` });
    }
  }
  for (const name of names) changesOf(walk, upper, at, name, parts);
}

/** `/a/b/c` gives `/a` and `/a/b`. */
function above(path: RawPath): RawPath[] {
  const parts = path.split("/");
  return parts.slice(2).map((_, i) => parts.slice(0, i + 2).join("/"));
}

/**
 * What a container has changed, as `docker diff` lists it: every path that its writable layer added, changed or deleted,
 * sorted, with the directories above as changed. The container may be running, and may be hostile.
 * @param lowers Layers of the image, lowest first.
 * @param mountPoints Places that were made for mounts, as long as they are empty: they and their making do not count.
 */
export function diffLayers(
  upper: string,
  lowers: readonly string[],
  mountPoints: readonly string[] = [],
): LayerChange[] {
  const places = new Set(mountPoints.map(rawPath));
  const walk: Walk = { changes: [], places, aboves: new Set([...places].flatMap(above)) };
  const root = Directory.host(upper);
  try {
    changesIn(walk, root, "", lowers.map(rawPath).reverse());
  } finally {
    root.close();
  }
  return walk.changes
    .sort((a, b) => (a.path < b.path ? -1 : 1))
    .map(({ kind, path }) => ({ kind, path: pathText(path) }));
}

import { lstatSync, type Stats } from "node:fs";
import { hasErrno, SetupError } from "../src/core/errors.ts";
import { pathText, type RawPath, rawPath } from "../src/core/raw-path.ts";
import { Directory } from "../src/sys/directory.ts";
import { findInMerged, isOpaque, isWhiteout, type Layered } from "../src/sys/layered.ts";

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

/** A thing in the upper, and what the lowers have in its place. */
interface Pair {
  readonly path: RawPath;
  readonly stat: Stats;
  readonly old: Layered | undefined;
}

/** A directory of the upper whose entries are being gone through. */
interface Level {
  readonly upper: Directory;
  readonly at: RawPath;
  /** The directories that the lowers have there, topmost first. */
  readonly parts: readonly RawPath[];
  readonly names: RawPath[];
  /** The directory itself; absent for the root, which has no line of its own. */
  readonly self: Pair | undefined;
  /** How many changes there were before it. */
  readonly before: number;
}

/** No path that a program can name has more directories; each takes a descriptor while we are in it. */
const deepest = 2048;

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

/** Notes a change of the thing itself; `quiet`: nothing in it has changed. */
function note({ changes, places, aboves }: Walk, { path, stat, old }: Pair, quiet: boolean): void {
  const isDirectory = stat.isDirectory();
  const isAbove = aboves.has(path);
  if (old === undefined) {
    const empty = isDirectory ? quiet : stat.isFile() && stat.size === 0;
    const isPlace = places.has(path) || (isDirectory && isAbove);
    if (!(isPlace && empty)) changes.push({ kind: "A", path });
  } else if (!isDirectory || !quiet || !isSameDirectory(stat, old.stat, !isAbove)) {
    changes.push({ kind: "C", path });
  }
}

/** Enters a directory of the upper, noting what it hides of the lowers and has not itself. */
function enter(
  { changes }: Walk,
  upper: Directory,
  self: Pair | undefined,
  parts: readonly RawPath[],
): Level {
  const at = self?.path ?? "";
  const before = changes.length;
  const names = unlessGone(() => upper.names()) ?? [];
  if (parts.length > 0 && self !== undefined && isOpaque(upper.self)) {
    const kept = new Set(names);
    for (const name of lowerNames(parts)) {
      if (!kept.has(name)) changes.push({ kind: "D", path: `${at}/${name}` });
    }
  }
  return { upper, at, parts, names, self, before };
}

/** What one entry changes; the level to go on with when it is a directory. */
function look(walk: Walk, { upper, at, parts }: Level, name: RawPath): Level | undefined {
  const path = `${at}/${name}`;
  const stat = unlessGone(() => lstatSync(upper.entry(name)));
  if (stat === undefined) return undefined;
  const old = findInMerged(parts, name);
  if (isWhiteout(stat)) {
    if (old !== undefined) walk.changes.push({ kind: "D", path });
    return undefined;
  }
  const pair = { path, stat, old };
  if (!stat.isDirectory()) {
    note(walk, pair, true);
    return undefined;
  }
  // Opened by name without following links: one that took the directory's place leads nowhere.
  const inside = unlessGone(() => upper.child(name));
  if (inside === undefined) return undefined;
  return enter(walk, inside, pair, old?.stat.isDirectory() ? old.parts : []);
}

/** Goes through the upper, depth first. @throws SetupError when it is deeper than any path */
function goThrough(walk: Walk, root: Level): void {
  const levels = [root];
  try {
    for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
      const name = level.names.pop();
      if (name === undefined) {
        if (level.self !== undefined) note(walk, level.self, walk.changes.length === level.before);
        level.upper.close();
        levels.pop();
        continue;
      }
      const next = look(walk, level, name);
      if (next === undefined) continue;
      levels.push(next);
      if (levels.length > deepest) {
        const beginning = pathText(next.at.slice(0, 100));
        throw new SetupError(`${beginning}...: directories lie more than ${deepest} deep`);
      }
    }
  } finally {
    for (const { upper } of levels) upper.close();
  }
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
  goThrough(walk, enter(walk, Directory.host(upper), undefined, lowers.map(rawPath).reverse()));
  return walk.changes
    .sort((a, b) => (a.path < b.path ? -1 : 1))
    .map(({ kind, path }) => ({ kind, path: pathText(path) }));
}

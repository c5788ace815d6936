import { lstatSync, readdirSync, type Stats } from "node:fs";
import { pathBytes, pathText, type RawPath, rawPath } from "../src/core/raw-path.ts";
import { findInMerged, isOpaque, isWhiteout } from "../src/sys/layered.ts";

/** Added, changed or deleted. */
type ChangeKind = "A" | "C" | "D";

/** One difference between a container's writable layer and its image. */
export interface LayerChange {
  readonly kind: ChangeKind;
  /** As the container sees it: `/etc/passwd`. */
  readonly path: string;
}

function namesIn(directory: RawPath): RawPath[] {
  return readdirSync(pathBytes(directory), "latin1");
}

/** Names of a merged directory of the lowers, without what is whited out. */
function lowerNames(parts: readonly RawPath[]): RawPath[] {
  return [...new Set(parts.flatMap(namesIn))].filter((name) => findInMerged(parts, name) !== undefined);
}

/** A directory is copied up whenever something in it changes; by itself it has changed only if this differs. */
function isSameDirectory(a: Stats, b: Stats): boolean {
  return a.mode === b.mode && a.uid === b.uid && a.gid === b.gid && a.mtimeMs === b.mtimeMs;
}

/** What one directory of the upper changes; `parts` are the directories that the lowers have there, if any. */
function changesIn(upper: RawPath, at: RawPath, parts: readonly RawPath[]): LayerChange[] {
  const changes: LayerChange[] = [];
  const names = namesIn(upper);
  // What an opaque directory hides, and has not itself, is deleted.
  if (parts.length > 0 && at !== "" && isOpaque(upper)) {
    const kept = new Set(names);
    const gone = lowerNames(parts).filter((name) => !kept.has(name));
    changes.push(...gone.map((name): LayerChange => ({ kind: "D", path: `${at}/${name}` })));
  }
  for (const name of names) {
    const path = `${at}/${name}`;
    const stat = lstatSync(pathBytes(`${upper}/${name}`));
    const old = findInMerged(parts, name);
    if (isWhiteout(stat)) {
      if (old !== undefined) changes.push({ kind: "D", path });
      continue;
    }
    const isDirectory = stat.isDirectory();
    const belowIt = old?.stat.isDirectory() ? old.parts : [];
    const inside = isDirectory ? changesIn(`${upper}/${name}`, path, belowIt) : [];
    if (old === undefined) changes.push({ kind: "A", path });
    else if (!isDirectory || inside.length > 0 || !isSameDirectory(stat, old.stat)) {
      changes.push({ kind: "C", path });
    }
    changes.push(...inside);
  }
  return changes;
}

/**
 * What a container has changed, as `docker diff` lists it: every path that its writable layer added, changed or deleted,
 * sorted, with the directories above as changed.
 * @param lowers Layers of the image, lowest first.
 */
export function diffLayers(upper: string, lowers: readonly string[]): LayerChange[] {
  return changesIn(rawPath(upper), "", lowers.map(rawPath).reverse())
    .sort((a, b) => (a.path < b.path ? -1 : 1))
    .map(({ kind, path }) => ({ kind, path: pathText(path) }));
}

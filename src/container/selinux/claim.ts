import { createHash } from "node:crypto";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  unlinkSync,
} from "node:fs";
import { hasErrno, SetupError } from "../../core/errors.ts";
import { join } from "../../core/join.ts";
import type { Instance } from "../../core/paths.ts";
import { containerPaths } from "../store.ts";

/** Categories of the policies that distributions have: c0 to c1023. */
const categories = 1024;
/** How many pairs a container may try: with ten thousand others the chance to find all taken is 1 in 10^27. */
const attempts = 16;

const folderOf = ({ state }: Instance): string => join(state, "levels");

/** The pairs of categories a container may have, in the order in which it tries them. Pure. */
export function pairsOf(id: string): string[] {
  return Array.from({ length: attempts }, (_, attempt) => {
    const bytes = createHash("sha256").update(`${id} ${attempt}`).digest();
    const first = bytes.readUInt16LE(0) % categories;
    // Never the same twice: that would be one category.
    const second = (first + 1 + (bytes.readUInt16LE(2) % (categories - 1))) % categories;
    return `c${Math.min(first, second)},c${Math.max(first, second)}`;
  });
}

function holderOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!hasErrno(error, "ENOENT")) throw error;
  }
}

/** A level is claimed before the container has a directory: a start that takes longer than this is none. */
const startMs = 60_000;

function isGone(instance: Instance, id: string, claim: string): boolean {
  const { directory, run } = containerPaths(instance, id);
  if (existsSync(directory) || existsSync(run)) return false;
  const since = lstatSync(claim, { throwIfNoEntry: false })?.ctimeMs;
  return since !== undefined && Date.now() - since > startMs;
}

/**
 * Two categories, as `c12,c345`, that no other container of this instance has both of, until {@link releaseLevel}; the
 * same ones again when it has some. A symbolic link is made by one only, however many try.
 * @throws SetupError
 */
export function claimLevel(instance: Instance, id: string): string {
  const folder = folderOf(instance);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const pair of pairsOf(id)) {
    const path = join(folder, pair);
    try {
      symlinkSync(id, path);
      return pair;
    } catch (error) {
      if (!hasErrno(error, "EEXIST")) throw error;
      if (holderOf(path) === id) return pair;
    }
  }
  throw new SetupError(`no level of SELinux is free in ${folder}: remove containers, or run mdocker gc`);
}

/** The pair that {@link claimLevel} would take now. */
export function peekLevel(instance: Instance, id: string): string {
  const folder = folderOf(instance);
  return pairsOf(id).find((pair) => holderOf(join(folder, pair)) === undefined) ?? "c0,c1";
}

/** Gives back what a container has claimed; nothing is success. */
export function releaseLevel(instance: Instance, id: string): void {
  if (!existsSync(folderOf(instance))) return;
  for (const path of pairsOf(id).map((pair) => join(folderOf(instance), pair)))
    if (holderOf(path) === id) remove(path);
}

/** Forgets the claims of containers that are gone without having given them back. Returns a line for each. */
export function collectLevels(instance: Instance, known: ReadonlySet<string>): string[] {
  const folder = folderOf(instance);
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap((pair) => {
    const holder = holderOf(join(folder, pair));
    if (holder === undefined || known.has(holder) || !isGone(instance, holder, join(folder, pair))) return [];
    remove(join(folder, pair));
    return [`removed the level ${pair} of SELinux of container ${holder.slice(0, 12)}`];
  });
}

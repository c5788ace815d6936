import { chmodSync, lstatSync, readdirSync, renameSync, rmdirSync, unlinkSync } from "node:fs";
import { hasErrno, messageOf, SetupError } from "./errors.ts";
import { mountPoints } from "./mount-points.ts";
import { pathBytes, type RawPath, rawPath } from "./raw-path.ts";

/** Below PATH_MAX (4096) by more than one name (255): what lies deeper is first moved up. */
const longPath = 3072;

interface Removal {
  readonly top: RawPath;
  /** Directories that were too deep and have been moved to below `top`. */
  readonly moved: RawPath[];
  readonly failures: string[];
}

/** Mount points at or below `path` in this mount namespace. */
function mountsBelow(path: RawPath): RawPath[] {
  return mountPoints().filter((at) => at === path || at.startsWith(`${path}/`));
}

function list(path: RawPath): { readonly name: string; isDirectory(): boolean }[] {
  const read = () => readdirSync(pathBytes(path), { encoding: "latin1", withFileTypes: true });
  try {
    return read();
  } catch (error) {
    if (!hasErrno(error, "EACCES")) throw error;
    // Mode 000, as overlay makes its work directory: matters only to a user without CAP_DAC_OVERRIDE.
    chmodSync(pathBytes(path), 0o700);
    return read();
  }
}

/** Runs `act`; that the thing is gone already is success, another failure is noted and does not stop the rest. */
function attempt(removal: Removal, act: () => void): void {
  try {
    act();
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return;
    const hint = hasErrno(error, "EPERM") ? " (immutable or append-only? try chattr -R -ia)" : "";
    removal.failures.push(`${messageOf(error)}${hint}`);
  }
}

function moveUp(path: RawPath, removal: Removal): void {
  for (let n = removal.moved.length; ; n += 1) {
    const place = `${removal.top}/.deep${n}`;
    try {
      renameSync(pathBytes(path), pathBytes(place));
      removal.moved.push(place);
      return;
    } catch (error) {
      if (!hasErrno(error, "ENOTEMPTY", "EEXIST", "ENOTDIR")) throw error;
    }
  }
}

function removeDirectory(path: RawPath, removal: Removal): void {
  for (const entry of list(path)) {
    const child = `${path}/${entry.name}`;
    attempt(removal, () => {
      if (!entry.isDirectory()) unlinkSync(pathBytes(child));
      else if (child.length > longPath) moveUp(child, removal);
      else removeDirectory(child, removal);
    });
  }
  if (path !== removal.top) attempt(removal, () => rmdirSync(pathBytes(path)));
}

/**
 * Removes what is at `path` with everything below. Never follows a symbolic link, never enters another mount, copes
 * with names that are not UTF-8, directories of mode 000 and trees deeper than PATH_MAX. Nothing there is success.
 * `path` must be absolute and without symbolic links above it. Nobody else may be changing the tree.
 * @param mayHoldMounts False for a tree that only the kernel or we have written to: saves reading the mount table.
 * @throws SetupError for a mount point at or below `path` (nothing is removed then), or, after everything else has
 * been removed, listing what could not be.
 */
export function removeTree(path: string, mayHoldMounts: boolean = true): void {
  try {
    // Mostly there is a directory and it is empty: one call.
    rmdirSync(path);
    return;
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return;
    if (!hasErrno(error, "ENOTEMPTY", "EEXIST", "ENOTDIR", "EBUSY")) throw error;
  }
  const about = lstatSync(path, { throwIfNoEntry: false });
  if (about === undefined) return;
  if (!about.isDirectory()) {
    unlinkSync(path);
    return;
  }
  const top = rawPath(path);
  const mounts = mayHoldMounts ? mountsBelow(top) : [];
  if (mounts.length > 0) {
    throw new SetupError(`${path}: not removed: ${mounts.join(", ")} is a mount point (try umount)`);
  }
  const removal: Removal = { top, moved: [], failures: [] };
  attempt(removal, () => removeDirectory(top, removal));
  for (let deep = removal.moved.pop(); deep !== undefined; deep = removal.moved.pop()) {
    const place = deep;
    attempt(removal, () => removeDirectory(place, removal));
  }
  attempt(removal, () => rmdirSync(path));
  if (removal.failures.length > 0) {
    const more = removal.failures.length > 3 ? ` and ${removal.failures.length - 3} more` : "";
    throw new SetupError(`${path}: not removed: ${removal.failures.slice(0, 3).join("; ")}${more}`);
  }
}

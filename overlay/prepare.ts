import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  unlinkSync,
} from "node:fs";
import { hasErrno, SetupError } from "../src/core/errors.ts";
import { removeTree } from "../src/core/remove-tree.ts";
import { ownable } from "../src/core/rootless.ts";
import type { OverlayPlan } from "./layers.ts";
import { forgetVolatile } from "./volatile.ts";

/** mkdir(2) that is content with a directory already there; says whether it made one. */
function ensureDirectory(path: string, mode: number): boolean {
  try {
    mkdirSync(path, mode);
    return true;
  } catch (error) {
    if (hasErrno(error, "EEXIST") && lstatSync(path).isDirectory()) return false;
    throw error;
  }
}

/**
 * Makes the directories of an overlay; `plan.directory` must exist. The root of an overlay has owner and mode of its
 * upper directory, so the upper gets those of the topmost lower. May be called again: what is in the upper stays.
 * @throws SetupError naming a lower that is not there or is no directory.
 */
export function prepareLayers(plan: OverlayPlan): void {
  const root = plan.lowers.map(checkLower).at(-1);
  if (root === undefined) throw new SetupError("overlay: no lower directory");
  const mode = root.mode & 0o7777;
  if (ensureDirectory(plan.upper, mode)) {
    const [uid, gid] = [ownable(root.uid), ownable(root.gid)];
    if (uid !== 0 || gid !== 0) chownSync(plan.upper, uid, gid);
    // mkdir(2) takes the umask off, and chown(2) the set-group bit.
    if ((lstatSync(plan.upper).mode & 0o7777) !== mode) chmodSync(plan.upper, mode);
  }
  if (!ensureDirectory(plan.work, 0o700)) forgetVolatile(plan.work);
  ensureDirectory(plan.merged, 0o755);
  for (const { path, target } of plan.links) {
    try {
      symlinkSync(target, path);
    } catch (error) {
      if (!hasErrno(error, "EEXIST")) throw error;
    }
  }
}

function checkLower(path: string): { readonly mode: number; readonly uid: number; readonly gid: number } {
  try {
    const stat = statSync(path);
    if (stat.isDirectory()) return stat;
  } catch (error) {
    if (!hasErrno(error, "ENOENT", "ENOTDIR")) throw error;
    throw new SetupError(`layer ${path}: no such directory`, { cause: error });
  }
  throw new SetupError(`layer ${path}: is not a directory`);
}

function linkNames(directory: string): string[] {
  try {
    return readdirSync(directory).filter((name) => /^l\d+$/.test(name));
  } catch (error) {
    if (hasErrno(error, "ENOENT", "ENOTDIR")) return [];
    throw error;
  }
}

/**
 * Removes the writable layer and what belongs to it below `directory`, which itself stays. What is not there is no
 * failure. The overlay must not be mounted in this namespace.
 * @throws SetupError that lists what could not be removed, after everything else has been.
 */
export function removeLayers(directory: string): void {
  // Were it still mounted, nothing else may be taken from below it: this throws.
  removeTree(`${directory}/merged`);
  const failures: string[] = [];
  for (const name of ["upper", "work"]) {
    try {
      removeTree(`${directory}/${name}`, name === "upper");
    } catch (error) {
      if (!(error instanceof SetupError)) throw error;
      failures.push(error.message);
    }
  }
  if (failures.length > 0) throw new SetupError(failures.join("; "));
  for (const name of linkNames(directory)) unlinkSync(`${directory}/${name}`);
}

import { closeSync, constants, readFileSync } from "node:fs";
import { hasErrno, SetupError } from "../core/errors.ts";
import { rawPath } from "../core/raw-path.ts";
import { Directory, type Pinned, reopen, resolution } from "../sys/directory.ts";
import type { ProcessIdentity } from "../sys/process.ts";

/**
 * The root directory of a process, as that process sees it, mounts included. Whether it is still this process is for the
 * caller to look at afterwards. The caller closes it.
 */
export function rootOf({ pid }: ProcessIdentity): Directory {
  return Directory.host(`/proc/${pid}/root`);
}

/** What `path` leads to below `root`, links followed inside it; undefined when nothing is there. The caller closes it. */
export function pinInside(root: Directory, path: string): Pinned | undefined {
  try {
    return root.resolve(rawPath(path), resolution.inRoot, true);
  } catch (error) {
    if (hasErrno(error, "ENOENT", "ENOTDIR", "ELOOP", "EXDEV", "EACCES")) return undefined;
    throw error;
  }
}

/** The text of a regular file of a running container, which is not trusted; undefined when there is none. */
export function readTextInside(root: Directory, path: string, limit: number = 1 << 22): string | undefined {
  const found = pinInside(root, path);
  if (found === undefined) return undefined;
  try {
    if (!found.stat.isFile()) return undefined;
    if (found.stat.size > limit)
      throw new SetupError(
        `${path} of the container has ${found.stat.size} bytes: expected at most ${limit}`,
      );
    const fd = reopen(found.fd, constants.O_RDONLY);
    try {
      return readFileSync(fd, "utf8");
    } finally {
      closeSync(fd);
    }
  } finally {
    closeSync(found.fd);
  }
}

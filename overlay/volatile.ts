import { rmdirSync, unlinkSync } from "node:fs";
import { hasErrno } from "../src/core/errors.ts";

/**
 * What the kernel leaves in the work directory of an overlay that was mounted `volatile`, lowest last: as long as it is
 * there, the layer cannot be mounted again (Documentation/filesystems/overlayfs.rst).
 */
export function volatileMarks(work: string): readonly string[] {
  const mark = `${work}/work/incompat/volatile`;
  return [`${mark}/dirty`, mark, `${work}/work/incompat`];
}

/**
 * Lets a writable layer be mounted again that was mounted `volatile` by one who was killed. That only matters after the
 * host itself has failed, and then nothing newer than the last sync is promised to anyone.
 */
export function forgetVolatile(work: string): void {
  volatileMarks(work).forEach((path, i) => {
    try {
      if (i === 0) unlinkSync(path);
      else rmdirSync(path);
    } catch (error) {
      if (!hasErrno(error, "ENOENT", "ENOTDIR")) throw error;
    }
  });
}

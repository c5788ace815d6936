import { UsageError } from "../../core/errors.ts";
import type { RawPath } from "../../core/raw-path.ts";
import type { ArchivePath } from "./path.ts";

/** What is to be copied. */
export interface CopySource {
  readonly base: RawPath;
  readonly isDirectory: boolean;
}

/** Where it is to be copied to, links at the end of the path resolved. */
export interface CopyDestination {
  readonly path: ArchivePath;
  /** For messages. */
  readonly shown: string;
  readonly exists: boolean;
  readonly isDirectory: boolean;
}

/** The directory to unpack into, and what the copy is called there. */
export interface CopyPlace {
  readonly directory: RawPath;
  readonly name: RawPath;
}

/**
 * Docker's rules of cp, where they differ from those of cp(1) too: into a directory that exists goes the source, under
 * its name, or its content for `SRC/.`; on a file goes a file; what does not exist is made, if its parent is there.
 * @throws UsageError in docker's words.
 */
export function placeCopy(
  source: CopySource,
  { path, shown, exists, isDirectory }: CopyDestination,
): CopyPlace {
  if (exists && isDirectory) return { directory: path.path, name: source.base };
  if (exists && source.isDirectory) throw new UsageError(`${shown}: cannot copy directory`);
  if (!exists && !source.isDirectory && path.suffix !== "")
    throw new UsageError(`${shown}: no such directory`);
  return { directory: path.parent, name: path.base };
}

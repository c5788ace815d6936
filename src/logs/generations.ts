import { readdirSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { hasErrno } from "../core/errors.ts";

/** One file of a log that is open for reading. It can be read to its end also when it has been rotated away. */
export interface Generation {
  readonly file: FileHandle;
  readonly inode: bigint;
}

/** The highest number of a rotated file there is, and room for a rotation that goes on meanwhile. */
function lastNumber(path: string): number {
  const prefix = `${basename(path)}.`;
  const numbers = readdirSync(dirname(path))
    .filter((name) => name.startsWith(prefix) && /^\d{1,6}$/.test(name.slice(prefix.length)))
    .map((name) => Number(name.slice(prefix.length)));
  return Math.max(0, ...numbers) + 2;
}

async function openIfAny(path: string): Promise<Generation | undefined> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, "r");
    return { file, inode: (await file.stat({ bigint: true })).ino };
  } catch (error) {
    await file?.close();
    if (hasErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/**
 * Opens the files of a log that are newer than `after`, oldest first; all of them without it, or when it has been rotated
 * out of existence. Rotation gives a file higher numbers only, and we look from the lowest up: so none can slip by, but
 * one may be met twice, which its inode tells. The inode of an open file is not given to another.
 */
export async function openNewer(path: string, after?: Generation): Promise<Generation[]> {
  const found: Generation[] = [];
  try {
    const last = lastNumber(path);
    for (let number = 0; number <= last; number++) {
      const generation = await openIfAny(number === 0 ? path : `${path}.${number}`);
      if (generation === undefined) continue;
      const same = ({ inode }: Generation): boolean => inode === generation.inode;
      if (after !== undefined && same(after)) {
        await generation.file.close();
        break;
      }
      if (found.some(same)) await generation.file.close();
      else found.push(generation);
    }
    return found.reverse();
  } catch (error) {
    await closeAll(found);
    // The whole container has been removed.
    if (hasErrno(error, "ENOENT")) return [];
    throw error;
  }
}

export async function closeAll(generations: readonly Generation[]): Promise<void> {
  await Promise.all(generations.map(({ file }) => file.close()));
}

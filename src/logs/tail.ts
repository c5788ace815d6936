import type { FileHandle } from "node:fs/promises";
import type { Generation } from "./generations.ts";

const newline = 0x0a;
const blockSize = 64 * 1024;

/** Where in the files reading begins. */
interface Start {
  /** Index of the file. */
  readonly generation: number;
  /** Bytes into it. */
  readonly position: number;
}

/** Looks from the end of a file for the start of its last `wanted` whole lines; says how many it has when it has fewer. */
async function searchBack(
  file: FileHandle,
  wanted: number,
): Promise<{ readonly position: number; readonly lines: number }> {
  const block = Buffer.allocUnsafe(blockSize);
  let lines = -1;
  for (let end = (await file.stat()).size; end > 0; ) {
    const start = Math.max(0, end - blockSize);
    const { bytesRead } = await file.read(block, 0, end - start, start);
    // The first newline that is met ends the last whole line: what comes after it is not whole.
    for (let at = bytesRead; at > 0; ) {
      at = block.subarray(0, at).lastIndexOf(newline);
      if (at < 0) break;
      lines += 1;
      if (lines === wanted) return { position: start + at + 1, lines };
    }
    end = start;
  }
  return { position: 0, lines: lines + 1 };
}

/** Where the last `count` messages begin, read from the end backwards: the length of the log does not matter. */
export async function findTail(generations: readonly Generation[], count: number): Promise<Start> {
  let wanted = count;
  for (let at = generations.length - 1; at >= 0; at--) {
    const generation = generations[at];
    if (generation === undefined) break;
    const { position, lines } = await searchBack(generation.file, wanted);
    wanted -= lines;
    if (wanted <= 0) return { generation: at, position };
  }
  return { generation: 0, position: 0 };
}

import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { hasErrno } from "../core/errors.ts";
import { Batch } from "./encode.ts";
import type { SpoolState } from "./spool.ts";

const newline = 0x0a;
const nothing = Buffer.alloc(0);

type Rest = Readonly<Record<"stdout" | "stderr", Buffer>>;
type Skipped = Record<"stdout" | "stderr", number>;

/** The bytes of a file from `from` on, if there is one; with `inode`, from there on only if it is that file. */
function read(
  path: string,
  { inode, size }: Pick<SpoolState, "inode" | "size">,
): { bytes: Buffer; last: boolean } {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (error) {
    if (!hasErrno(error, "ENOENT")) throw error;
    return { bytes: nothing, last: false };
  }
  try {
    const about = fstatSync(fd, { bigint: true });
    const last = about.ino === inode;
    const from = last ? size : 0;
    const bytes = Buffer.allocUnsafe(Math.max(0, Number(about.size) - from));
    return { bytes: bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, from)), last };
  } finally {
    closeSync(fd);
  }
}

/** The lines of a log that were written after `state` was noted, oldest first: over all its files. */
function linesSince(path: string, files: number, state: SpoolState): Buffer[] {
  const newestFirst: Buffer[] = [];
  for (let number = 0; number < files; number++) {
    const { bytes, last } = read(number === 0 ? path : `${path}.${number}`, state);
    newestFirst.push(bytes);
    if (last) break;
  }
  const all = Buffer.concat(newestFirst.reverse());
  const lines: Buffer[] = [];
  for (let from = 0, end = all.indexOf(newline); end >= 0; end = all.indexOf(newline, from)) {
    lines.push(all.subarray(from, end));
    from = end + 1;
  }
  return lines;
}

/** True when the line is what `encoded`, the beginning of one, becomes for this stream. */
function isLineOf(line: Buffer, encoded: Buffer, stream: string): boolean {
  const closing = Buffer.from(`","stream":"${stream}"`);
  const end = encoded.length + closing.length;
  return (
    line.subarray(0, encoded.length).equals(encoded) && line.subarray(encoded.length, end).equals(closing)
  );
}

/**
 * How much of what a spool holds of each stream is in the log already: a writer that was killed had written it, and not
 * noted that. Every line that was written since is looked for where it must be, or after what was dropped.
 */
export function findWritten(path: string, files: number, state: SpoolState, rest: Rest): Skipped {
  const skipped: Skipped = { stdout: 0, stderr: 0 };
  const batch = new Batch(0);
  for (const line of linesSince(path, files, state)) {
    const stream = line.includes('","stream":"stderr",') ? "stderr" : "stdout";
    const bytes = rest[stream];
    for (let at = skipped[stream]; at < bytes.length; ) {
      batch.length = 0;
      at = batch.add(bytes, at, nothing, 1);
      if (!isLineOf(line, batch.bytes.subarray(0, batch.length), stream)) continue;
      skipped[stream] = at;
      break;
    }
  }
  return skipped;
}

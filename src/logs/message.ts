/** A message is a line with its newline, or this many bytes of a longer one: what docker's log drivers are given. */
export const messageSize: number = 16 * 1024;

const newline = 0x0a;

/** Where a piece of `messageSize` bytes ends that begins at `from`: earlier, if that would cut a character in two. */
function pieceEnd(bytes: Buffer, from: number): number {
  const end = from + messageSize;
  for (let at = end; at > end - 4; at--) {
    if (((bytes[at] ?? 0) & 0xc0) !== 0x80) return at;
  }
  // Not UTF-8 anyway.
  return end;
}

/** Where the message ends that begins at `from`; `bytes` holds whole messages only. */
export function messageEnd(bytes: Buffer, from: number): number {
  const end = bytes.indexOf(newline, from);
  if (end >= 0 && end - from < messageSize) return end + 1;
  if (end < 0 && bytes.length - from <= messageSize) return bytes.length;
  return pieceEnd(bytes, from);
}

/** How many messages there are in `bytes` from `from` on. */
export function countMessages(bytes: Buffer, from: number): number {
  let count = 0;
  for (let at = from; at < bytes.length; at = messageEnd(bytes, at)) count += 1;
  return count;
}

/** Cuts a stream into runs of whole messages, wherever its chunks end. What is no message yet waits: 16 KiB at most. */
export class Framer {
  /** What waits for the rest of its line. */
  #open: Buffer = Buffer.alloc(0);

  /** The whole messages that `chunk` completes, in runs. */
  push(chunk: Buffer): Buffer[] {
    const runs: Buffer[] = [];
    const last = chunk.lastIndexOf(newline);
    let rest = chunk;
    if (last >= 0) {
      const first = this.#open.length === 0 ? 0 : chunk.indexOf(newline) + 1;
      if (first > 0) runs.push(Buffer.concat([this.#open, chunk.subarray(0, first)]));
      if (first <= last) runs.push(chunk.subarray(first, last + 1));
      rest = chunk.subarray(last + 1);
      this.#open = Buffer.alloc(0);
    }
    if (rest.length > 0) this.#keep(rest, runs);
    return runs;
  }

  /** What is left at the end of the stream: a last line without a newline. */
  end(): Buffer[] {
    const open = this.#open;
    this.#open = Buffer.alloc(0);
    return open.length === 0 ? [] : [open];
  }

  #keep(rest: Buffer, runs: Buffer[]): void {
    const line = this.#open.length === 0 ? rest : Buffer.concat([this.#open, rest]);
    let cut = 0;
    while (line.length - cut > messageSize) cut = pieceEnd(line, cut);
    if (cut > 0) runs.push(line.subarray(0, cut));
    // A copy: it must not hold on to the whole chunk.
    this.#open = Buffer.from(line.subarray(cut));
  }
}

const headerSize = 8;

/** A piece of one of the streams that docker's frames carry. */
export interface Piece {
  readonly stream: "stdout" | "stderr";
  readonly bytes: Buffer;
}

/**
 * Takes docker's multiplexed format apart, as it comes: stream u8@0 · zero u8[3]@1 · length u32@4 (big-endian), then so
 * many bytes. Nothing but an unfinished header is kept.
 */
export class Demultiplexer {
  #header: Buffer = Buffer.alloc(0);
  #stream: Piece["stream"] = "stdout";
  #left = 0;

  take(bytes: Buffer): Piece[] {
    const pieces: Piece[] = [];
    for (let at = 0; at < bytes.length; ) {
      if (this.#left === 0) {
        const part = bytes.subarray(at, at + headerSize - this.#header.length);
        at += part.length;
        this.#header = Buffer.concat([this.#header, part]);
        if (this.#header.length < headerSize) break;
        this.#stream = this.#header[0] === 2 ? "stderr" : "stdout";
        this.#left = this.#header.readUInt32BE(4);
        this.#header = Buffer.alloc(0);
      } else {
        const piece = bytes.subarray(at, at + this.#left);
        at += piece.length;
        this.#left -= piece.length;
        pieces.push({ stream: this.#stream, bytes: piece });
      }
    }
    return pieces;
  }
}

/** Takes a stream apart into pieces of known length, holding no more than one chunk of it. */
export class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(stream: AsyncIterable<Uint8Array>) {
    this.#chunks = stream[Symbol.asyncIterator]();
  }

  /** What comes next, at least a byte and at most `most`; undefined at the end. */
  async some(most: number): Promise<Buffer | undefined> {
    while (this.#rest.length === 0) {
      const { done, value } = await this.#chunks.next();
      if (done === true) return undefined;
      this.#rest = Buffer.from(value.buffer, value.byteOffset, value.length);
    }
    const taken = this.#rest.subarray(0, most);
    this.#rest = this.#rest.subarray(taken.length);
    return taken;
  }

  /** Exactly `length` bytes, or as many as are left. */
  async exactly(length: number): Promise<Buffer> {
    const pieces: Buffer[] = [];
    let have = 0;
    while (have < length) {
      const piece = await this.some(length - have);
      if (piece === undefined) break;
      pieces.push(piece);
      have += piece.length;
    }
    return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces);
  }

  /** Passes over `length` bytes. Returns how many there were. */
  async skip(length: number): Promise<number> {
    let passed = 0;
    while (passed < length) {
      const piece = await this.some(length - passed);
      if (piece === undefined) break;
      passed += piece.length;
    }
    return passed;
  }

  /** Puts bytes back, to be read next. */
  unread(bytes: Buffer): void {
    this.#rest = Buffer.concat([bytes, this.#rest]);
  }

  /** The rest, chunk by chunk. */
  async *remainder(): AsyncGenerator<Buffer> {
    for (let piece = await this.some(2 ** 30); piece !== undefined; piece = await this.some(2 ** 30))
      yield piece;
  }

  /** Tells the stream that no more is wanted. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}

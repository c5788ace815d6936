/** A packet ends before what it announces: it was cut off at the snap length, or lies. */
export class CutOff extends Error {
  constructor() {
    super("cut off");
  }
}

/** Bytes of a packet, in network byte order. Every read is checked: what is not there throws {@link CutOff}. */
export class Bytes {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get length(): number {
    return this.#bytes.length;
  }

  #check(at: number, size: number): void {
    if (at < 0 || at + size > this.#bytes.length) throw new CutOff();
  }

  u8(at: number): number {
    this.#check(at, 1);
    return this.#view.getUint8(at);
  }

  u16(at: number): number {
    this.#check(at, 2);
    return this.#view.getUint16(at);
  }

  u32(at: number): number {
    this.#check(at, 4);
    return this.#view.getUint32(at);
  }

  /** Exactly these bytes. */
  raw(at: number, size: number): Uint8Array {
    this.#check(at, size);
    return this.#bytes.subarray(at, at + size);
  }

  /** From `at` on, at most `size` bytes: as many as there are. */
  from(at: number, size: number = this.#bytes.length): Bytes {
    this.#check(at, 0);
    return new Bytes(this.#bytes.subarray(at, Math.min(this.#bytes.length, at + Math.max(0, size))));
  }
}

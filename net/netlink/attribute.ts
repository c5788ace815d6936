import { NetlinkFormatError } from "./format-error.ts";

/*
 * struct nlattr (include/uapi/linux/netlink.h): length u16@0 (header and value, without padding) · type u16@2 (bit 15
 * nested, bit 14 network byte order) · value@4, padded to 4. Numbers are in the host's byte order, which is little-endian
 * on every machine that mdocker supports.
 */
const HEADER = 4;
const NESTED = 0x8000;
const TYPE_MASK = 0x3fff;

/** The next multiple of 4 (NLA_ALIGN). */
export function align(length: number): number {
  return (length + 3) & ~3;
}

function attribute(type: number, length: number): { whole: Uint8Array; value: DataView } {
  if (HEADER + length > 0xffff)
    throw new RangeError(`netlink attribute ${type} of ${length} bytes is too long`);
  const whole = new Uint8Array(align(HEADER + length));
  const header = new DataView(whole.buffer);
  header.setUint16(0, HEADER + length, true);
  header.setUint16(2, type, true);
  return { whole, value: new DataView(whole.buffer, HEADER) };
}

/** An attribute with an 8-bit number. */
export function u8(type: number, value: number): Uint8Array {
  const made = attribute(type, 1);
  made.value.setUint8(0, value);
  return made.whole;
}

/** An attribute with a 16-bit number. */
export function u16(type: number, value: number): Uint8Array {
  const made = attribute(type, 2);
  made.value.setUint16(0, value, true);
  return made.whole;
}

/** An attribute with a 16-bit number in network byte order: ports. */
export function u16be(type: number, value: number): Uint8Array {
  const made = attribute(type, 2);
  made.value.setUint16(0, value, false);
  return made.whole;
}

/** An attribute with a 32-bit number. */
export function u32(type: number, value: number): Uint8Array {
  const made = attribute(type, 4);
  made.value.setUint32(0, value, true);
  return made.whole;
}

/** An attribute with raw bytes: addresses, structs. */
export function bytes(type: number, value: Uint8Array): Uint8Array {
  const made = attribute(type, value.length);
  made.whole.set(value, HEADER);
  return made.whole;
}

/** An attribute with a NUL-terminated string. */
export function text(type: number, value: string): Uint8Array {
  return bytes(type, Buffer.from(`${value}\0`));
}

/** An attribute that holds attributes. Its length counts the padding of all of them, also of the last. */
export function nested(type: number, ...parts: readonly Uint8Array[]): Uint8Array {
  return bytes(type | NESTED, joined(parts));
}

/** Bytes one after the other. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Attributes of one level, read from received bytes; each getter checks the size of what it returns. */
export class Attributes {
  readonly #what: string;
  readonly #values = new Map<number, Uint8Array>();

  /**
   * @param what names the level in errors: `RTM_NEWLINK`, `IFLA_LINKINFO`. Of two attributes of one type the last counts.
   * @throws NetlinkFormatError when a length runs past the end or is shorter than its own header.
   */
  constructor(source: Uint8Array, what: string) {
    this.#what = what;
    const view = new DataView(source.buffer, source.byteOffset, source.byteLength);
    for (let at = 0; at < source.length; ) {
      const left = source.length - at;
      if (left < HEADER)
        throw new NetlinkFormatError(`${what} at ${at}`, "an attribute header", `${left} bytes`);
      const length = view.getUint16(at, true);
      const type = view.getUint16(at + 2, true) & TYPE_MASK;
      if (length < HEADER || length > left) {
        throw new NetlinkFormatError(
          `${what} attribute ${type} at ${at}`,
          `a length of 4 to ${left}`,
          `${length}`,
        );
      }
      this.#values.set(type, source.subarray(at + HEADER, at + length));
      at += align(length);
    }
  }

  /** The types that are present. */
  get types(): readonly number[] {
    return [...this.#values.keys()];
  }

  u8(type: number): number | undefined {
    return this.#sized(type, 1)?.getUint8(0);
  }

  u16(type: number): number | undefined {
    return this.#sized(type, 2)?.getUint16(0, true);
  }

  u32(type: number): number | undefined {
    return this.#sized(type, 4)?.getUint32(0, true);
  }

  bytes(type: number): Uint8Array | undefined {
    return this.#values.get(type);
  }

  text(type: number): string | undefined {
    const value = this.#values.get(type);
    if (value === undefined) return undefined;
    const end = value.indexOf(0);
    return Buffer.from(end < 0 ? value : value.subarray(0, end)).toString();
  }

  nested(type: number, what: string): Attributes | undefined {
    const value = this.#values.get(type);
    return value === undefined ? undefined : new Attributes(value, what);
  }

  #sized(type: number, size: number): DataView | undefined {
    const value = this.#values.get(type);
    if (value === undefined) return undefined;
    if (value.length !== size) {
      throw new NetlinkFormatError(`${this.#what} attribute ${type}`, `${size} bytes`, `${value.length}`);
    }
    return new DataView(value.buffer, value.byteOffset, size);
  }
}

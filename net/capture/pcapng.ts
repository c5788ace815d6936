import type { LinkType } from "./decode/frame.ts";
import { packetTypes } from "./ring.ts";

/*
 * pcapng (draft-ietf-opsawg-pcapng): blocks of type u32 · total length u32 · body padded to 4 · total length u32 again.
 * Options: code u16 · length u16 · value padded to 4, ended by code 0. All in little endian, as the magic says.
 */
const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const NAME_RESOLUTION = 4;
const INTERFACE_STATISTICS = 5;
const ENHANCED_PACKET = 6;
const byteOrderMagic = 0x1a2b3c4d;
const comment = 1;

const padded = (length: number): number => (length + 3) & ~3;

function option(code: number, value: Uint8Array | string): Buffer {
  const bytes = Buffer.from(value);
  const whole = Buffer.alloc(4 + padded(bytes.length));
  whole.writeUInt16LE(code, 0);
  whole.writeUInt16LE(bytes.length, 2);
  bytes.copy(whole, 4);
  return whole;
}

const endOfOptions = Buffer.alloc(4);

function block(type: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const length = 12 + padded(body.length);
  const whole = Buffer.alloc(length);
  whole.writeUInt32LE(type, 0);
  whole.writeUInt32LE(length, 4);
  body.copy(whole, 8);
  whole.writeUInt32LE(length, length - 4);
  return whole;
}

function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value, 0);
  return bytes;
}

/** A time as pcapng has it: the higher half first. */
function moment(time: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(Number(time >> 32n), 0);
  bytes.writeUInt32LE(Number(time & 0xffffffffn), 4);
  return bytes;
}

/** What a file begins with. @param what Says what was captured, for people. */
export function sectionHeader(application: string, os: string, what: string): Buffer {
  const fixed = Buffer.alloc(16);
  fixed.writeUInt32LE(byteOrderMagic, 0);
  fixed.writeUInt16LE(1, 4);
  // The length of the section is not known: it goes on to the end of the file.
  fixed.writeBigInt64LE(-1n, 8);
  return block(
    SECTION_HEADER,
    fixed,
    option(3, os),
    option(4, application),
    option(comment, what),
    endOfOptions,
  );
}

/** An interface that packets come from; those refer to it by its number in the file, from 0. Times are nanoseconds. */
export function interfaceDescription(it: {
  readonly linkType: LinkType;
  readonly snapLength: number;
  readonly name: string;
  readonly filter?: string | undefined;
}): Buffer {
  const fixed = Buffer.alloc(8);
  fixed.writeUInt16LE(it.linkType, 0);
  fixed.writeUInt32LE(it.snapLength, 4);
  return block(
    INTERFACE_DESCRIPTION,
    fixed,
    option(2, it.name),
    option(9, Uint8Array.of(9)),
    // if_filter begins with how it is to be read: 0 is the text that libpcap compiles.
    ...(it.filter === undefined ? [] : [option(11, Buffer.concat([Buffer.of(0), Buffer.from(it.filter)]))]),
    endOfOptions,
  );
}

/** The low bits of epb_flags: direction, and how it was addressed. */
function flagsOf(type: number): number {
  if (type === packetTypes.outgoing) return 2;
  const addressed = { 0: 1, 1: 3, 2: 2, 3: 4 }[type] ?? 0;
  return 1 | (addressed << 2);
}

/** The size of {@link writePacket}'s block. */
export function packetBlockSize(kept: number): number {
  return 44 + padded(kept);
}

/** Writes a packet's block into `into` at `at`; returns where it ends. */
export function writePacket(
  into: Buffer,
  at: number,
  packet: {
    readonly time: bigint;
    readonly data: Uint8Array;
    readonly length: number;
    readonly type: number;
  },
  inFile: number,
): number {
  const { time, data, length, type } = packet;
  const size = packetBlockSize(data.length);
  into.writeUInt32LE(ENHANCED_PACKET, at);
  into.writeUInt32LE(size, at + 4);
  into.writeUInt32LE(inFile, at + 8);
  into.writeUInt32LE(Number(time >> 32n), at + 12);
  into.writeUInt32LE(Number(time & 0xffffffffn), at + 16);
  into.writeUInt32LE(data.length, at + 20);
  into.writeUInt32LE(length, at + 24);
  into.set(data, at + 28);
  const options = at + 28 + padded(data.length);
  into.fill(0, at + 28 + data.length, options);
  into.writeUInt16LE(2, options);
  into.writeUInt16LE(4, options + 2);
  into.writeUInt32LE(flagsOf(type), options + 4);
  into.writeUInt32LE(0, options + 8);
  into.writeUInt32LE(size, options + 12);
  return at + size;
}

/** Names of addresses, which readers show in their place: IPv4 in four bytes, IPv6 in sixteen. */
export function nameResolution(names: Iterable<readonly [Uint8Array, string]>): Buffer {
  const records = [...names].map(([address, name]) =>
    option(address.length === 4 ? 1 : 2, Buffer.concat([address, Buffer.from(`${name}\0`)])),
  );
  return block(NAME_RESOLUTION, ...records, endOfOptions);
}

/** What was counted on an interface, at the end. */
export function interfaceStatistics(
  inFile: number,
  at: bigint,
  counts: { readonly received: number; readonly dropped: number },
): Buffer {
  const id = Buffer.alloc(4);
  id.writeUInt32LE(inFile, 0);
  return block(
    INTERFACE_STATISTICS,
    id,
    moment(at),
    option(4, u64(BigInt(counts.received))),
    option(5, u64(BigInt(counts.dropped))),
    endOfOptions,
  );
}

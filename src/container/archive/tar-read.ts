import { UsageError } from "../../core/errors.ts";
import type { RawPath } from "../../core/raw-path.ts";
import { ByteReader } from "./byte-reader.ts";
import type { ArchiveEntry, EntryKind } from "./entry.ts";
import { expand } from "./expand.ts";
import { shown } from "./shown.ts";
import { attributePrefix, checksum, padding, tar, typeLetters } from "./tar-format.ts";

/** An extended header or long name larger than that is refused: it is held in memory. */
const longestHeader = 1024 * 1024;

const kinds: ReadonlyMap<string, EntryKind> = new Map<string, EntryKind>([
  ...Object.entries(typeLetters).map(([kind, letter]) => [letter, kind as EntryKind] as const),
  ["\0", "file"],
  ["7", "file"],
]);

/** What headers before an entry say about it. */
interface Announced {
  readonly records: Map<string, Buffer>;
  name?: RawPath;
  target?: RawPath;
}

function refuse(what: string): never {
  throw new UsageError(`tar stream: ${what}`);
}

function text(block: Buffer, [at, length]: readonly [number, number]): RawPath {
  const field = block.toString("latin1", at, at + length);
  const end = field.indexOf("\0");
  return end < 0 ? field : field.slice(0, end);
}

/** A number: octal digits, or (star, GNU) base 256 when the first bit is set. */
function numberIn(block: Buffer, [at, length]: readonly [number, number], what: string): number {
  const first = block[at] ?? 0;
  if ((first & 0x80) !== 0) {
    let value = BigInt.asIntN(7, BigInt(first & 0x7f));
    for (let i = at + 1; i < at + length; i += 1) value = (value << 8n) | BigInt(block[i] ?? 0);
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : refuse(`${what} is out of range`);
  }
  const digits = text(block, [at, length]).trim();
  if (!/^[0-7]*$/.test(digits)) refuse(`${what} is not a number: is it a tar archive?`);
  return digits === "" ? 0 : Number.parseInt(digits, 8);
}

/** `LENGTH KEY=VALUE\n` lines of an extended header. */
function parseRecords(data: Buffer, into: Map<string, Buffer>): void {
  for (let at = 0; at < data.length; ) {
    const blank = data.indexOf(0x20, at);
    const length = blank < 0 || blank - at > 8 ? Number.NaN : Number(data.toString("latin1", at, blank));
    const end = at + length;
    const equals = data.indexOf(0x3d, blank);
    if (!(length > 0) || end > data.length || equals < 0 || equals >= end || data[end - 1] !== 0x0a)
      refuse("an extended header is malformed");
    into.set(data.toString("latin1", blank + 1, equals), Buffer.from(data.subarray(equals + 1, end - 1)));
    at = end;
  }
}

/** Bytes that stand for a name: no name holds a zero byte. */
function nameOf(bytes: Buffer): RawPath {
  const name = bytes.toString("latin1").replace(/\0+$/, "");
  return name.includes("\0") ? refuse("a name holds a zero byte") : name;
}

function decimal(records: ReadonlyMap<string, Buffer>, key: string): number | undefined {
  const value = records.get(key)?.toString("latin1");
  if (value === undefined) return undefined;
  const number = Number(value);
  return value.trim() === "" || !Number.isFinite(number) ? refuse(`${key} ${value} is not a number`) : number;
}

function nonNegative(value: number, what: string): number {
  return Number.isSafeInteger(value) && value >= 0 ? value : refuse(`${what} ${value} is out of range`);
}

function id(value: number, what: string): number {
  return nonNegative(value, what) < 2 ** 32 - 1 ? value : refuse(`${what} ${value} is out of range`);
}

function headerName(block: Buffer): RawPath {
  const isUstar = text(block, [tar.magic[0], 6]) === "ustar";
  const prefix = isUstar ? text(block, tar.prefix) : "";
  const name = text(block, tar.name);
  return prefix === "" ? name : `${prefix}/${name}`;
}

/** An entry without its content. */
function describe(block: Buffer, announced: Announced): ArchiveEntry {
  const { records } = announced;
  const recorded = (key: string): RawPath | undefined => {
    const value = records.get(key);
    return value === undefined ? undefined : nameOf(value);
  };
  const path = recorded("path") ?? announced.name ?? headerName(block);
  const letter = String.fromCharCode(block[tar.type] ?? 0);
  const found = kinds.get(letter);
  if (found === undefined || [...records.keys()].some((key) => key.startsWith("GNU.sparse"))) {
    return refuse(
      `${shown(path)}: entries of type ${JSON.stringify(letter)} or sparse ones are not supported`,
    );
  }
  // Before there was a type for directories, a slash at the end said so.
  const kind = found === "file" && path.endsWith("/") ? "directory" : found;
  const size = nonNegative(decimal(records, "size") ?? numberIn(block, tar.size, "size"), "size");
  const attributes = new Map<string, Buffer>();
  for (const [key, value] of records)
    if (key.startsWith(attributePrefix)) attributes.set(key.slice(attributePrefix.length), value);
  return {
    name: kind === "directory" ? path.replace(/(?<=.)\/+$/, "") : path,
    kind,
    mode: numberIn(block, tar.mode, "mode") & 0o7777,
    uid: id(decimal(records, "uid") ?? numberIn(block, tar.uid, "uid"), "uid"),
    gid: id(decimal(records, "gid") ?? numberIn(block, tar.gid, "gid"), "gid"),
    mtime: decimal(records, "mtime") ?? numberIn(block, tar.mtime, "mtime"),
    size,
    target: recorded("linkpath") ?? announced.target ?? text(block, tar.linkname),
    major: numberIn(block, tar.devmajor, "devmajor"),
    minor: numberIn(block, tar.devminor, "devminor"),
    attributes,
    content: undefined,
  };
}

const cutOff = "ends in the middle of an entry";

async function* take(reader: ByteReader, left: { bytes: number }): AsyncGenerator<Buffer> {
  while (left.bytes > 0) {
    const piece = await reader.some(left.bytes);
    if (piece === undefined) return refuse(cutOff);
    left.bytes -= piece.length;
    yield piece;
  }
}

/** Reads what a header announces; true when it did. */
async function announce(reader: ByteReader, block: Buffer, into: Announced): Promise<boolean> {
  const letter = String.fromCharCode(block[tar.type] ?? 0);
  if (!"xgLK".includes(letter)) return false;
  const size = nonNegative(numberIn(block, tar.size, "size"), "size");
  if (size > longestHeader) refuse(`a header of ${size} bytes: at most ${longestHeader} are taken`);
  const data = await reader.exactly(size);
  if (data.length < size || (await reader.skip(padding(size))) < padding(size)) refuse(cutOff);
  if (letter === "x") parseRecords(data, into.records);
  // g is about all that follows, in practice a comment; docker passes over it too.
  else if (letter === "L") into.name = nameOf(data);
  else if (letter === "K") into.target = nameOf(data);
  return true;
}

async function* entries(reader: ByteReader): AsyncGenerator<ArchiveEntry> {
  let announced: Announced = { records: new Map() };
  for (;;) {
    const block = await reader.exactly(tar.block);
    if (block.length === 0) return;
    if (block.length < tar.block) refuse(cutOff);
    if (block.every((byte) => byte === 0)) return;
    if (numberIn(block, tar.checksum, "checksum") !== checksum(block))
      refuse("a header's checksum is wrong: is it a tar archive?");
    if (await announce(reader, block, announced)) continue;
    const entry = describe(block, announced);
    announced = { records: new Map() };
    // All others consist of their header, whatever size it claims.
    if (entry.kind !== "file") {
      yield { ...entry, size: 0 };
      continue;
    }
    const left = { bytes: entry.size };
    yield { ...entry, content: take(reader, left) };
    const rest = left.bytes + padding(entry.size);
    if ((await reader.skip(rest)) < rest) refuse(cutOff);
  }
}

/**
 * The entries of a tar stream, plain or compressed (see {@link expand}): ustar, GNU and pax. Nothing in it is trusted but to be what
 * it is; names are as they were written.
 * @throws UsageError when it is no tar stream, breaks off, or has what is not supported.
 */
export async function* readTar(stream: AsyncIterable<Uint8Array>): AsyncGenerator<ArchiveEntry> {
  const raw = new ByteReader(stream);
  try {
    const reader = await expand(raw);
    yield* entries(reader);
    // Who sends it shall not be cut off before it has sent everything.
    while ((await reader.skip(2 ** 40)) > 0);
  } finally {
    await raw.close();
  }
}

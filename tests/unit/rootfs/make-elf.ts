/** What a made-up ELF file is to say. */
export interface ElfRequest {
  readonly bits?: 32 | 64;
  readonly bigEndian?: boolean;
  readonly machine?: number;
  readonly interpreter?: string;
  readonly needed?: readonly string[];
  readonly soname?: string;
  readonly rpath?: string;
  readonly runpath?: string;
}

/** The smallest ELF file that says this: header, three program headers, interpreter, dynamic section, strings. */
export function makeElf(request: ElfRequest = {}): Buffer {
  const { bits = 64, bigEndian = false, machine = 62 } = request;
  const wide = bits === 64;
  const [headerSize, segmentSize, word] = wide ? [64, 56, 8] : [52, 32, 4];
  const base = 0x10000;
  const interp = Buffer.from(`${request.interpreter ?? ""}\0`);
  let strings = "\0";
  const add = (text: string) => {
    const at = strings.length;
    strings += `${text}\0`;
    return at;
  };
  const dynamic: [number, number][] = (request.needed ?? []).map((name) => [1, add(name)]);
  if (request.soname !== undefined) dynamic.push([14, add(request.soname)]);
  if (request.rpath !== undefined) dynamic.push([15, add(request.rpath)]);
  if (request.runpath !== undefined) dynamic.push([29, add(request.runpath)]);
  const interpAt = headerSize + 3 * segmentSize;
  const dynamicAt = interpAt + interp.length;
  const dynamicSize = (dynamic.length + 2) * 2 * word;
  const stringsAt = dynamicAt + dynamicSize;
  dynamic.push([5, base + stringsAt], [0, 0]);
  const file = Buffer.alloc(stringsAt + strings.length);
  const u16 = (at: number, value: number) =>
    bigEndian ? file.writeUInt16BE(value, at) : file.writeUInt16LE(value, at);
  const u32 = (at: number, value: number) =>
    bigEndian ? file.writeUInt32BE(value, at) : file.writeUInt32LE(value, at);
  const native = (at: number, value: number) => {
    if (!wide) u32(at, value);
    else if (bigEndian) file.writeBigUInt64BE(BigInt(value), at);
    else file.writeBigUInt64LE(BigInt(value), at);
  };
  file.set([0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, bigEndian ? 2 : 1, 1]);
  u16(16, 3);
  u16(18, machine);
  native(wide ? 32 : 28, headerSize);
  u16(wide ? 54 : 42, segmentSize);
  u16(wide ? 56 : 44, 3);
  const segments = [
    [1, 0, file.length],
    [2, dynamicAt, dynamicSize],
    [request.interpreter === undefined ? 0 : 3, interpAt, interp.length],
  ] as const;
  segments.forEach(([type, offset, size], i) => {
    const at = headerSize + i * segmentSize;
    u32(at, type);
    native(at + (wide ? 8 : 4), offset);
    native(at + (wide ? 16 : 8), base + offset);
    native(at + (wide ? 32 : 16), size);
  });
  file.set(interp, interpAt);
  dynamic.forEach(([tag, value], i) => {
    native(dynamicAt + i * 2 * word, tag);
    native(dynamicAt + i * 2 * word + word, value);
  });
  file.write(strings, stringsAt, "latin1");
  return file;
}

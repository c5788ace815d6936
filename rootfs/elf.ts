import { closeSync, fstatSync, openSync, readSync } from "node:fs";

/** e_machine of elf(5) by Node's process.arch, and how the kernel calls it. */
const machines: Readonly<Record<number, string>> = {
  3: "i386",
  8: "mips",
  20: "powerpc",
  21: "ppc64",
  22: "s390x",
  40: "arm",
  62: "x86_64",
  183: "aarch64",
  243: "riscv64",
  258: "loongarch64",
};

/** The machine a Node of this architecture runs on, in the names of {@link Elf.machine}. */
export function machineOf(arch: string): string {
  return arch === "x64" ? "x86_64" : arch === "arm64" ? "aarch64" : arch;
}

/** What is read of an ELF file: enough to say what it needs to run. */
export interface Elf {
  /** `x86_64`, `aarch64`...; `machine N` for others. */
  readonly machine: string;
  /** PT_INTERP: the dynamic loader; undefined for a static program or a library. */
  readonly interpreter: string | undefined;
  /** DT_NEEDED, in order. */
  readonly needed: readonly string[];
  readonly soname: string | undefined;
  /** DT_RPATH, which is searched before LD_LIBRARY_PATH and counts for dependencies too; void when there is a RUNPATH. */
  readonly rpath: readonly string[];
  /** DT_RUNPATH: counts for the direct dependencies only. */
  readonly runpath: readonly string[];
}

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const DT_NULL = 0;
const DT_NEEDED = 1;
const DT_STRTAB = 5;
const DT_SONAME = 14;
const DT_RPATH = 15;
const DT_RUNPATH = 29;

/** Sizes beyond these are not those of a real program; a hostile file must not make us read it all. */
const limits = { headers: 1024, interpreter: 4096, dynamic: 1 << 16, text: 1 << 22 };

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

/** Reads numbers of either width and byte order at offsets of an open file. */
class Reader {
  readonly #fd: number;
  readonly #length: number;
  readonly wide: boolean;
  readonly #little: boolean;

  constructor(fd: number, wide: boolean, little: boolean) {
    this.#fd = fd;
    this.#length = fstatSync(fd).size;
    this.wide = wide;
    this.#little = little;
  }

  bytes(offset: number, size: number): Buffer {
    const part = Buffer.alloc(Math.max(0, Math.min(size, this.#length - offset)));
    return part.subarray(0, part.length === 0 ? 0 : readSync(this.#fd, part, 0, part.length, offset));
  }

  u16(bytes: Buffer, at: number): number {
    if (at + 2 > bytes.length) return 0;
    return this.#little ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at);
  }

  u32(bytes: Buffer, at: number): number {
    if (at + 4 > bytes.length) return 0;
    return this.#little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
  }

  /** Elf32_Addr/Off or Elf64_Addr/Off/Xword. */
  word(bytes: Buffer, at: number): number {
    if (!this.wide) return this.u32(bytes, at);
    if (at + 8 > bytes.length) return 0;
    return Number(this.#little ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at));
  }
}

/** Elf64_Phdr: type u32@0 · flags u32@4 · offset u64@8 · vaddr u64@16 · filesz u64@32; Elf32: offset @4 · vaddr @8 · filesz @16 */
function readSegments(reader: Reader, header: Buffer): Segment[] {
  const { wide } = reader;
  const at = reader.word(header, wide ? 32 : 28);
  const size = reader.u16(header, wide ? 54 : 42);
  const count = Math.min(reader.u16(header, wide ? 56 : 44), limits.headers);
  const table = reader.bytes(at, size * count);
  return Array.from({ length: count }, (_, i) => {
    const base = i * size;
    return {
      type: reader.u32(table, base),
      offset: reader.word(table, base + (wide ? 8 : 4)),
      address: reader.word(table, base + (wide ? 16 : 8)),
      size: reader.word(table, base + (wide ? 32 : 16)),
    };
  });
}

function textAt(bytes: Buffer, offset: number): string {
  const end = bytes.indexOf(0, offset);
  return offset >= bytes.length ? "" : bytes.toString("utf8", offset, end < 0 ? bytes.length : end);
}

/** The dynamic section as [tag, value] pairs, up to DT_NULL. */
function readDynamic(reader: Reader, segments: readonly Segment[]): [number, number][] {
  const dynamic = segments.find(({ type }) => type === PT_DYNAMIC);
  if (dynamic === undefined) return [];
  const bytes = reader.bytes(dynamic.offset, Math.min(dynamic.size, limits.dynamic));
  const half = reader.wide ? 8 : 4;
  const entries: [number, number][] = [];
  for (let at = 0; at + 2 * half <= bytes.length; at += 2 * half) {
    const tag = reader.word(bytes, at);
    if (tag === DT_NULL) break;
    entries.push([tag, reader.word(bytes, at + half)]);
  }
  return entries;
}

function readOpen(fd: number): Elf | undefined {
  const start = Buffer.alloc(64);
  const got = readSync(fd, start, 0, 64, 0);
  // e_ident: magic @0, class @4 (1 32-bit, 2 64-bit), data @5 (1 little, 2 big endian).
  if (got < 52 || start.readUInt32BE(0) !== 0x7f454c46) return undefined;
  const reader = new Reader(fd, start[4] === 2, start[5] !== 2);
  const machine = reader.u16(start, 18);
  const segments = readSegments(reader, start);
  const interp = segments.find(({ type }) => type === PT_INTERP);
  const entries = readDynamic(reader, segments);
  const value = (wanted: number) => entries.find(([tag]) => tag === wanted)?.[1];
  // DT_STRTAB is an address: the loaded segment around it says where in the file that is.
  const address = value(DT_STRTAB) ?? 0;
  const home = segments.find(
    (s) => s.type === PT_LOAD && s.address <= address && address < s.address + s.size,
  );
  const strings =
    home === undefined
      ? Buffer.alloc(0)
      : reader.bytes(
          home.offset + address - home.address,
          Math.min(home.size - (address - home.address), limits.text),
        );
  const text = (tag: number) => {
    const offset = value(tag);
    return offset === undefined ? undefined : textAt(strings, offset);
  };
  const paths = (tag: number) => (text(tag) ?? "").split(":").filter((path) => path !== "");
  const runpath = paths(DT_RUNPATH);
  return {
    machine: machines[machine] ?? `machine ${machine}`,
    interpreter:
      interp === undefined
        ? undefined
        : textAt(reader.bytes(interp.offset, Math.min(interp.size, limits.interpreter)), 0),
    needed: entries.filter(([tag]) => tag === DT_NEEDED).map(([, offset]) => textAt(strings, offset)),
    soname: text(DT_SONAME),
    rpath: value(DT_RUNPATH) === undefined ? paths(DT_RPATH) : [],
    runpath,
  };
}

/** Reads what elf(5) says about the file at `path`; undefined when it is no ELF file. The file is not executed. */
export function readElf(path: string): Elf | undefined {
  const fd = openSync(path, "r");
  try {
    return readOpen(fd);
  } finally {
    closeSync(fd);
  }
}

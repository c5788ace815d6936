import { errnoNumber } from "../sys/errno.ts";
import { type Argument, type Data, isData, text } from "./data.ts";
import { flag, layout, opcode } from "./layout.ts";
import { type Program, parts, type Step } from "./step.ts";
import { syscallNumber } from "./syscalls.ts";

const two32 = 0x1_0000_0000;

/**
 * Lays steps and data out in one buffer and hands out absolute addresses. Numbers are written as two halves: BigInt
 * would triple the time of an encoding, and every start passes here.
 */
class Arena {
  readonly bytes: Buffer;
  /** The same bytes. Its setters are V8's own, those of a Buffer are JavaScript that a start would have to compile. */
  readonly view: DataView;
  readonly #firsts: Readonly<Record<string, number>>;
  readonly #texts = new Map<string, number>();
  readonly #places = new Map<Data, number>();
  #end: number;

  constructor(size: number, begin: number, firsts: Readonly<Record<string, number>>) {
    this.bytes = Buffer.alloc(size);
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, size);
    this.#end = begin;
    this.#firsts = firsts;
  }

  get end(): number {
    return this.#end;
  }

  /** Writes a 64-bit little-endian number, negative ones as two's complement. */
  writeWord(value: number | bigint, at: number): void {
    if (typeof value === "bigint") {
      this.view.setBigUint64(at, BigInt.asUintN(64, value), true);
    } else if (value >= 0 && value < two32) {
      this.view.setUint32(at, value, true);
    } else {
      this.view.setInt32(at, value | 0, true);
      this.view.setInt32(at + 4, Math.floor(value / two32), true);
    }
  }

  /** Where `data` lies in init's address space; it is put there at the first asking. */
  address(data: Data): number {
    const known = data.data === "text" ? this.#texts.get(data.text) : this.#places.get(data);
    if (known !== undefined) return known;
    const address = layout.address + this.#place(data);
    if (data.data === "text") this.#texts.set(data.text, address);
    else this.#places.set(data, address);
    return address;
  }

  #reserve(size: number): number {
    const offset = (this.#end + 7) & ~7;
    this.#end = offset + size;
    if (this.#end > this.bytes.length) throw new RangeError("program too large");
    return offset;
  }

  #place(data: Data): number {
    switch (data.data) {
      case "text": {
        // Texts need no alignment, and leave the zero after them as it is.
        const offset = this.#end;
        this.#end += this.bytes.write(data.text, offset) + 1;
        return offset;
      }
      case "bytes": {
        const offset = this.#reserve(data.bytes.length);
        this.bytes.set(data.bytes, offset);
        return offset;
      }
      case "cell":
        return this.#reserve(data.size);
      case "words": {
        const offset = this.#reserve(data.words.length * 8);
        data.words.forEach((word, i) => {
          if (typeof word === "object" && !isData(word)) {
            throw new Error("a result cannot stand inside data: save it to a cell");
          }
          this.writeArgument(word, offset + i * 8);
        });
        return offset;
      }
    }
  }

  /** Writes an argument; true when it is the index of a step whose result is meant. */
  writeArgument(argument: Argument, at: number): boolean {
    if (typeof argument !== "object") {
      this.writeWord(argument, at);
      return false;
    }
    if (isData(argument)) {
      this.view.setUint32(at, this.address(argument), true);
      return false;
    }
    this.view.setUint32(at, (this.#firsts[argument.part] ?? 0) + argument.index, true);
    return true;
  }
}

/** Writes struct step at `at`; zeros are there already. */
function writeStep(arena: Arena, at: number, step: Step, arch: string): void {
  const { view } = arena;
  const { args, tolerate, skip, save, target, call } = step;
  if (args.length > 6 || (tolerate !== undefined && tolerate.length > 4)) {
    throw new Error(`step has too many arguments: ${step.text()}`);
  }
  view.setUint16(at, opcode[step.kind], true);
  if (target !== undefined) view.setUint16(at + 2, parts.indexOf(target), true);
  if (skip !== undefined) view.setUint16(at + 4, skip, true);
  let fromResult = 0;
  for (let i = 0; i < args.length; i++) {
    const argument = args[i];
    if (argument !== undefined && arena.writeArgument(argument, at + layout.stepArguments + i * 8))
      fromResult |= 1 << i;
  }
  view.setUint16(at + 6, fromResult, true);
  if (call !== undefined) view.setUint32(at + 8, syscallNumber(call, arch), true);
  tolerate?.forEach((name, i) => {
    view.setUint16(at + 16 + i * 2, errnoNumber(name), true);
  });
  if (save !== undefined) arena.writeWord(arena.address(save.into) + save.offset, at + layout.stepSave);
}

/** The bytes of `program`, ready for the sealed memfd that init maps. `arch` as in process.arch. */
export function encodeProgram(program: Program, arch: string = process.arch): Uint8Array {
  const { settings } = program;
  const firsts: Record<string, number> = {};
  let count = 0;
  for (const part of parts) {
    firsts[part] = count;
    count += program.parts[part].length;
  }
  const begin = layout.headerSize + count * layout.stepSize;
  const arena = new Arena(begin + estimate(program), begin, firsts);
  const { view } = arena;

  let at: number = layout.headerSize;
  parts.forEach((part, i) => {
    view.setUint32(layout.partTable + i * 8, firsts[part] ?? 0, true);
    view.setUint32(layout.partTable + i * 8 + 4, program.parts[part].length, true);
    for (const step of program.parts[part]) {
      writeStep(arena, at, step, arch);
      at += layout.stepSize;
    }
  });
  view.setBigUint64(0, layout.magic, true);
  const flags =
    (settings.init ? flag.init : 0) |
    (settings.hangupKills ? flag.hangupKills : 0) |
    (settings.lingers === true ? flag.lingers : 0);
  view.setUint32(16, flags, true);
  view.setInt32(20, settings.controlFd, true);
  view.setInt32(24, settings.syncFd, true);
  view.setInt32(28, settings.record?.directoryFd ?? -1, true);
  view.setInt32(layout.traceFd, settings.traceFd ?? -1, true);
  if (settings.record !== undefined) {
    const { name, watch } = settings.record;
    if (watch.length > layout.watchCount) {
      throw new Error(`at most ${layout.watchCount} files can be watched`);
    }
    arena.writeArgument(text(name), layout.recordName);
    arena.writeArgument(text(`${name}.tmp`), layout.recordTemporary);
    watch.forEach((path, i) => {
      arena.writeArgument(text(path), layout.watch + i * 8);
    });
  }
  arena.writeWord(arena.end, 8);
  return arena.bytes.subarray(0, arena.end);
}

/** The most a program may take: far above any real one, so that a mistake is found here and not by the kernel. */
const limit = 4 << 20;

/** An upper bound of the bytes that an argument's data can take. */
function sizeOf(argument: Argument): number {
  if (typeof argument !== "object" || !isData(argument)) return 0;
  switch (argument.data) {
    case "text":
      return argument.text.length * 3 + 9;
    case "bytes":
      return argument.bytes.length + 8;
    case "cell":
      return argument.size + 8;
    case "words":
      return argument.words.reduce<number>((sum, word) => sum + 8 + sizeOf(word), 8);
  }
}

/** An upper bound of the bytes that the data of `program` can take. */
function estimate(program: Program): number {
  let size = 4096;
  for (const part of parts) {
    for (const step of program.parts[part]) {
      for (const argument of step.args) size += sizeOf(argument);
      if (step.save !== undefined) size += sizeOf(step.save.into);
    }
  }
  for (const path of program.settings.record?.watch ?? []) size += path.length * 3 + 9;
  if (size > limit) throw new RangeError(`program of ${size} bytes: more than ${limit}`);
  return size;
}

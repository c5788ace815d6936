import { errnoNumber } from "../sys/errno.ts";
import { type Argument, type Data, isData, text } from "./data.ts";
import { flag, layout, opcode } from "./layout.ts";
import { type Program, parts, type Step } from "./step.ts";
import { syscallNumber } from "./syscalls.ts";

/** Lays data out behind the steps and hands out absolute addresses. */
class Arena {
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  readonly #texts = new Map<string, number>();
  readonly #places = new Map<Data, number>();
  #end: number;

  constructor(buffer: Uint8Array, begin: number) {
    this.#bytes = buffer;
    this.#view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    this.#end = begin;
  }

  get end(): number {
    return this.#end;
  }

  address(data: Data, firstOf: FirstOf): number {
    const known = data.data === "text" ? this.#texts.get(data.text) : this.#places.get(data);
    if (known !== undefined) return known;
    const address = layout.address + this.#place(data, firstOf);
    if (data.data === "text") this.#texts.set(data.text, address);
    else this.#places.set(data, address);
    return address;
  }

  #reserve(size: number): number {
    const offset = (this.#end + 7) & ~7;
    this.#end = offset + size;
    if (this.#end > this.#bytes.length) throw new RangeError("program too large");
    return offset;
  }

  #place(data: Data, firstOf: FirstOf): number {
    switch (data.data) {
      case "text": {
        const offset = this.#reserve(Buffer.byteLength(data.text) + 1);
        Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset).write(data.text, offset);
        return offset;
      }
      case "bytes": {
        const offset = this.#reserve(data.bytes.length);
        this.#bytes.set(data.bytes, offset);
        return offset;
      }
      case "cell":
        return this.#reserve(data.size);
      case "words": {
        const offset = this.#reserve(data.words.length * 8);
        data.words.forEach((word, i) => {
          if (typeof word === "object" && !isData(word))
            throw new Error("a result cannot stand inside data: save it to a cell");
          this.#view.setBigUint64(offset + i * 8, this.word(word, firstOf), true);
        });
        return offset;
      }
    }
  }

  word(argument: Argument, firstOf: FirstOf): bigint {
    if (typeof argument === "object") {
      if (isData(argument)) return BigInt(this.address(argument, firstOf));
      return BigInt(firstOf(argument.part) + argument.index);
    }
    return BigInt.asUintN(64, BigInt(argument));
  }
}

type FirstOf = (part: (typeof parts)[number]) => number;

function writeStep(
  view: DataView,
  at: number,
  step: Step,
  arena: Arena,
  firstOf: FirstOf,
  arch: string,
): void {
  const { args, tolerate = [] } = step;
  if (args.length > 6 || tolerate.length > 4) throw new Error(`step has too many arguments: ${step.text}`);
  view.setUint16(at, opcode[step.kind], true);
  view.setUint16(at + 2, step.target === undefined ? 0 : parts.indexOf(step.target), true);
  view.setUint16(at + 4, step.skip ?? 0, true);
  let fromResult = 0;
  args.forEach((argument, i) => {
    if (typeof argument === "object" && !isData(argument)) fromResult |= 1 << i;
    view.setBigUint64(at + layout.stepArguments + i * 8, arena.word(argument, firstOf), true);
  });
  view.setUint16(at + 6, fromResult, true);
  if (step.call !== undefined) view.setBigInt64(at + 8, BigInt(syscallNumber(step.call, arch)), true);
  tolerate.forEach((name, i) => {
    view.setUint16(at + 16 + i * 2, errnoNumber(name), true);
  });
  const { save } = step;
  if (save !== undefined) {
    view.setBigUint64(at + layout.stepSave, BigInt(arena.address(save.into, firstOf) + save.offset), true);
  }
}

/** The most a program may take: far above any real one, so that a mistake is found here and not by the kernel. */
const limit = 4 << 20;

/** The bytes of `program`, ready for the sealed memfd that init maps. `arch` as in process.arch. */
export function encodeProgram(program: Program, arch: string = process.arch): Uint8Array {
  const { settings } = program;
  const firsts = new Map<string, number>();
  let count = 0;
  for (const part of parts) {
    firsts.set(part, count);
    count += program.parts[part].length;
  }
  const firstOf: FirstOf = (part) => firsts.get(part) ?? 0;
  const begin = layout.headerSize + count * layout.stepSize;
  const buffer = Buffer.alloc(begin + estimate(program));
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  const arena = new Arena(buffer, begin);

  for (const part of parts) {
    const first = firstOf(part);
    const table = layout.partTable + parts.indexOf(part) * 8;
    view.setUint32(table, first, true);
    view.setUint32(table + 4, program.parts[part].length, true);
    program.parts[part].forEach((step, i) => {
      writeStep(view, layout.headerSize + (first + i) * layout.stepSize, step, arena, firstOf, arch);
    });
  }
  view.setBigUint64(0, layout.magic, true);
  const flags =
    (settings.init ? flag.init : 0) |
    (settings.hangupKills ? flag.hangupKills : 0) |
    (settings.alwaysAfter ? flag.alwaysAfter : 0);
  view.setUint32(16, flags, true);
  view.setInt32(20, settings.controlFd, true);
  view.setInt32(24, settings.syncFd, true);
  view.setInt32(28, settings.record?.directoryFd ?? -1, true);
  if (settings.record !== undefined) {
    const { name, watch } = settings.record;
    if (watch.length > layout.watchCount)
      throw new Error(`at most ${layout.watchCount} files can be watched`);
    view.setBigUint64(layout.recordName, arena.word(text(name), firstOf), true);
    view.setBigUint64(layout.recordTemporary, arena.word(text(`${name}.tmp`), firstOf), true);
    watch.forEach((path, i) => {
      view.setBigUint64(layout.watch + i * 8, arena.word(text(path), firstOf), true);
    });
  }
  view.setBigUint64(8, BigInt(arena.end), true);
  return buffer.subarray(0, arena.end);
}

/** An upper bound of the bytes that the data of `program` can take. */
function estimate(program: Program): number {
  const sizeOf = (argument: Argument): number => {
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
  };
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

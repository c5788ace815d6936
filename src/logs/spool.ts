import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import { join } from "../core/join.ts";
import { punchHole, spliceToFile } from "../sys/splice.ts";

/** The most that is taken from a pipe at once: what one holds. */
const chunkSize = 64 * 1024;
/** What is settled is given back in such pieces; less of it only when there is nothing else to do. */
const pieceSize = 256 * 1024;
const pageSize = 4096;

const names = ["stdout", "stderr"] as const;
type Name = (typeof names)[number];

/** How far a log has come: the file that was written to last, its size, and what of each stream is in it by then. */
export interface SpoolState {
  readonly inode: bigint;
  readonly size: number;
  /** Bytes of the stream since the run began. */
  readonly settled: Readonly<Record<Name, number>>;
}

/** inode u64@0 · size u64@8 · settled of stdout u64@16 · of stderr u64@24: written at once. */
const stateSize = 32;

function readState(fd: number): SpoolState | undefined {
  const bytes = Buffer.alloc(stateSize);
  if (readSync(fd, bytes, 0, stateSize, 0) < stateSize) return undefined;
  const number = (at: number): number => Number(bytes.readBigUInt64LE(at));
  return {
    inode: bytes.readBigUInt64LE(0),
    size: number(8),
    settled: { stdout: number(16), stderr: number(24) },
  };
}

/** One stream: a file that has at each position the byte that the stream had there. */
class Reel {
  readonly #fd: number;
  #end: number;
  #given = 0;

  constructor(path: string) {
    this.#fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    this.#end = fstatSync(this.#fd).size;
  }

  fill(pipe: number): Buffer | undefined {
    const length = spliceToFile(pipe, this.#fd, this.#end, chunkSize);
    if (length === undefined) return undefined;
    const bytes = this.#read(this.#end, length);
    this.#end += length;
    return bytes;
  }

  rest(settled: number): Buffer {
    return this.#read(settled, Math.max(0, this.#end - settled));
  }

  #read(from: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafeSlow(length);
    for (let at = 0; at < length; ) {
      const got = readSync(this.#fd, bytes, at, length - at, from + at);
      if (got === 0) throw new Error("the spool is shorter than it was");
      at += got;
    }
    return bytes;
  }

  /** Gives back the memory of what comes before `settled`, when that is at least `least` bytes. */
  giveBack(settled: number, least: number): void {
    const whole = settled - (settled % pageSize);
    if (whole - this.#given < least) return;
    if (punchHole(this.#fd, this.#given, whole)) this.#given = whole;
    else this.#given = Number.POSITIVE_INFINITY;
  }

  empty(): void {
    ftruncateSync(this.#fd);
    this.#end = 0;
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/**
 * Holds what has left the pipes of a container and is not in its log yet, outside of this process: when that is killed,
 * the next one goes on. It lies in the runtime directory, in memory; what is settled is given back.
 */
export class Spool {
  readonly #reels: Readonly<Record<Name, Reel>>;
  readonly #state: number;
  #settled: Readonly<Record<Name, number>>;
  /** How far an earlier process had come; undefined: there was none. */
  readonly earlier: SpoolState | undefined;

  /** @throws what open(2) says. */
  constructor(directory: string) {
    this.#state = openSync(join(directory, "log-state"), constants.O_RDWR | constants.O_CREAT, 0o600);
    this.#reels = {
      stdout: new Reel(join(directory, "spool-stdout")),
      stderr: new Reel(join(directory, "spool-stderr")),
    };
    this.earlier = readState(this.#state);
    this.#settled = this.earlier?.settled ?? { stdout: 0, stderr: 0 };
    // Without a state nothing counts.
    if (this.earlier === undefined) for (const name of names) this.#reels[name].empty();
  }

  /** How much of a stream was settled last. */
  settled(name: Name): number {
    return this.#settled[name];
  }

  /** What of a stream is not settled. */
  rest(name: Name): Buffer {
    return this.#reels[name].rest(this.#settled[name]);
  }

  /** Takes what a pipe holds, at most 64 KiB: undefined when that is nothing, no bytes at its end. @throws SyscallError */
  fill(name: Name, pipe: number): Buffer | undefined {
    const bytes = this.#reels[name].fill(pipe);
    // A moment without work.
    if (bytes === undefined) this.#reels[name].giveBack(this.#settled[name], pageSize);
    return bytes;
  }

  /** Notes how far the log has come. @throws what write(2) says. */
  settle({ inode, size, settled }: SpoolState): void {
    const bytes = Buffer.allocUnsafe(stateSize);
    bytes.writeBigUInt64LE(inode, 0);
    for (const [at, value] of [size, settled.stdout, settled.stderr].entries())
      bytes.writeBigUInt64LE(BigInt(value), 8 * (at + 1));
    writeSync(this.#state, bytes, 0, stateSize, 0);
    this.#settled = settled;
    for (const name of names) this.#reels[name].giveBack(settled[name], pieceSize);
  }

  /** Nothing of it counts any more: for when it cannot be written to. */
  abandon(): void {
    ftruncateSync(this.#state);
    for (const name of names) this.#reels[name].empty();
  }

  close(): void {
    for (const name of names) this.#reels[name].close();
    closeSync(this.#state);
  }
}

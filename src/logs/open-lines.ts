import { closeSync, constants, openSync, readSync, writeSync } from "node:fs";
import { hasErrno } from "../core/errors.ts";
import { messageSize } from "./message.ts";

const names = ["stdout", "stderr"] as const;
type Name = (typeof names)[number];

/** length u32@0 · bytes@4 */
const slotSize = 4 + messageSize;

/**
 * The lines that a container has begun and not ended, outside the process that waits for their rest: when it is killed the
 * next one goes on with them. A slot for each stream in a small file that lies in memory.
 */
export class OpenLines {
  readonly #path: string;
  #fd: number | undefined;
  readonly #slot = Buffer.alloc(slotSize);
  readonly #lengths: Record<Name, number> = { stdout: 0, stderr: 0 };

  /** @throws what open(2) says. */
  constructor(path: string) {
    this.#path = path;
    try {
      this.#fd = openSync(path, constants.O_RDWR);
    } catch (error) {
      // Made when there is a line to be saved: mostly never.
      if (!hasErrno(error, "ENOENT")) throw error;
    }
  }

  /** What was saved last. */
  load(stream: Name): Buffer {
    if (this.#fd === undefined) return Buffer.alloc(0);
    const read = readSync(this.#fd, this.#slot, 0, slotSize, names.indexOf(stream) * slotSize);
    const length = read < 4 ? 0 : Math.min(this.#slot.readUInt32LE(0), read - 4);
    this.#lengths[stream] = length;
    return Buffer.from(this.#slot.subarray(4, 4 + length));
  }

  /** @throws what open(2) and write(2) say. */
  save(stream: Name, line: Buffer): void {
    // Mostly there is none, and was none.
    if (line.length === 0 && this.#lengths[stream] === 0) return;
    this.#fd ??= openSync(this.#path, constants.O_RDWR | constants.O_CREAT, 0o600);
    this.#slot.writeUInt32LE(line.length, 0);
    line.copy(this.#slot, 4);
    writeSync(this.#fd, this.#slot, 0, 4 + line.length, names.indexOf(stream) * slotSize);
    this.#lengths[stream] = line.length;
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
  }
}

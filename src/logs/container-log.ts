import { monotonicMs } from "../core/clock.ts";
import { messageOf, UsageError } from "../core/errors.ts";
import { Batch, closingOf, mostDetails } from "./encode.ts";
import { type Disk, LogFile, LogWriteError, logPath, realDisk } from "./log-file.ts";
import { countMessages, Framer, messageEnd } from "./message.ts";
import type { LogOptions } from "./options.ts";
import { findWritten } from "./recover.ts";
import { Spool } from "./spool.ts";
import { stampNow } from "./stamp.ts";

export type LogStream = "stdout" | "stderr";
const streams = ["stdout", "stderr"] as const;
type FileOptions = Extract<LogOptions, { driver: "json-file" }>;

/** What a run costs beside its bytes. */
const runCost = 256;
/** A write to the page cache takes microseconds. One that takes so long, in milliseconds, is not done in line again. */
const slowMs = 20;
/** So many quick writes in a row, and the disk is trusted again. */
const quickWrites = 16;
const batchSize = 512 * 1024;

/** The batch of all logs whose disks are quick: it is written before anybody else can want it. */
let sharedBatch: Batch | undefined;

/** Whole messages of one stream that came at one time, from `at` on still to be written. */
interface Run {
  readonly stream: LogStream;
  readonly bytes: Buffer;
  readonly closing: Buffer;
  /** Where it begins in its stream. */
  readonly start: number;
  at: number;
}

type Positions = Record<LogStream, number>;

/** Where a log lies, and who hears of it. */
export interface LogPlace {
  /** The container's own. */
  readonly directory: string;
  /** Is told what goes wrong, once each. */
  readonly say: (line: string) => void;
  readonly disk?: Disk;
  /** What each message tells of the container. */
  readonly details?: Readonly<Record<string, string>> | undefined;
}

export interface LogStats {
  /** Bytes that wait for the disk. */
  readonly waiting: number;
  /** Messages that were dropped. */
  readonly dropped: number;
}

/**
 * Keeps the output of one container: a bounded buffer, filled by one producer for each stream and emptied by one
 * consumer, which writes docker's json-file format. As long as the disk is quick the consumer runs in line, so that a
 * supervisor that is killed has next to nothing in its hands; a slow disk is written to by a thread of the pool, and
 * what waits for it is bounded.
 */
export class ContainerLog {
  readonly #file: LogFile;
  readonly #options: FileOptions;
  readonly #say: (line: string) => void;
  readonly #framers: Readonly<Record<LogStream, Framer>>;
  readonly #path: string;
  readonly #details: string | undefined;
  #spool: Spool | undefined;
  /** How much of each stream has been cut into messages since the run began. */
  readonly #framed: Positions = { stdout: 0, stderr: 0 };
  /** How much will be settled when the batch that was filled last has been written. */
  #filled: Positions = { stdout: 0, stderr: 0 };
  readonly #queue: Run[] = [];
  #waiting = 0;
  /** Dropped, and not yet told in the log. */
  #untold = 0;
  /** Dropped, and told in the batch that is being written. */
  #telling = 0;
  #dropped = 0;
  #quick = quickWrites;
  #consumer: Promise<void> | undefined;
  #room: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;
  #complained = new Set<string>();

  /** @throws what open(2) says about the files. */
  constructor({ directory, say, disk = realDisk, details }: LogPlace, options: FileOptions) {
    this.#options = options;
    this.#details = details === undefined ? undefined : JSON.stringify(details);
    if (Buffer.byteLength(this.#details ?? "") > mostDetails)
      throw new UsageError(`--log-opt: labels, env and tag: expected less than ${mostDetails} bytes of them`);
    this.#say = say;
    this.#path = logPath(directory);
    this.#file = new LogFile(this.#path, options.maxFile, disk);
    this.#framers = { stdout: new Framer(), stderr: new Framer() };
  }

  get stats(): LogStats {
    return { waiting: this.#waiting, dropped: this.#dropped };
  }

  /**
   * From now on what leaves a pipe by {@link fill} is safe, in files of `directory`, until it is in the log. What an earlier
   * process has left there, taken and not written, is taken now.
   * @throws what open(2) and write(2) say.
   */
  spool(directory: string): void {
    const spool = new Spool(directory);
    try {
      const rest = { stdout: spool.rest("stdout"), stderr: spool.rest("stderr") };
      const written =
        spool.earlier === undefined
          ? { stdout: 0, stderr: 0 }
          : findWritten(this.#path, this.#options.maxFile, spool.earlier, rest);
      for (const stream of streams) this.#framed[stream] = spool.settled(stream) + written[stream];
      spool.settle({ inode: this.#file.inode, size: this.#file.size, settled: { ...this.#framed } });
      this.#spool = spool;
      for (const stream of streams) {
        const left = rest[stream].subarray(written[stream]);
        // Whoever writes more waits for what this asks to wait for.
        if (left.length > 0) void this.take(stream, left);
      }
    } catch (error) {
      spool.close();
      throw error;
    }
  }

  /**
   * Takes what a pipe holds out of it, to be passed to {@link take}: undefined when that is nothing, no bytes at its end;
   * false when it has to be read otherwise, as it cannot be made safe.
   */
  fill(stream: LogStream, pipe: number): Buffer | undefined | false {
    if (this.#spool === undefined) return false;
    try {
      return this.#spool.fill(stream, pipe);
    } catch (error) {
      this.#complain("spool", `a supervisor that is killed may lose some output: ${messageOf(error)}`);
      this.#dropSpool();
      return false;
    }
  }

  #dropSpool(): void {
    const spool = this.#spool;
    this.#spool = undefined;
    try {
      spool?.abandon();
    } catch (error) {
      this.#complain("spool", messageOf(error));
    }
    spool?.close();
  }

  /** Takes what the container has written. The promise, if there is one, asks to wait with more until it is resolved. */
  readonly take = (stream: LogStream, bytes: Buffer): undefined | Promise<void> => {
    const runs = this.#framers[stream].push(bytes);
    if (runs.length > 0) {
      const closing = closingOf(stream, stampNow(), this.#details);
      for (const run of runs) this.#offer(stream, run, closing);
      this.#consume();
    }
    if (this.#options.mode === "non-blocking" || this.#waiting < this.#options.bufferSize) return undefined;
    if (this.#room === undefined) {
      let resolve = (): void => undefined;
      const promise = new Promise<void>((settle) => {
        resolve = settle;
      });
      this.#room = { promise, resolve };
    }
    return this.#room.promise;
  };

  /** Resolves when all messages that were taken before have been written. */
  async flush(): Promise<void> {
    this.#consume();
    while (this.#consumer !== undefined) await this.#consumer;
  }

  /**
   * Writes everything and closes the file: last lines without a newline too, unless the container goes on, and with it,
   * where the next process finds them, its lines.
   */
  async close({ goesOn = false }: { readonly goesOn?: boolean } = {}): Promise<void> {
    for (const stream of goesOn ? [] : streams) {
      for (const run of this.#framers[stream].end())
        this.#push(stream, run, closingOf(stream, stampNow(), this.#details));
    }
    await this.flush();
    if (this.#untold > 0) this.#write(this.#fill(this.#batch()));
    this.#file.close();
    this.#spool?.close();
    this.#spool = undefined;
  }

  #push(stream: LogStream, bytes: Buffer, closing: Buffer): void {
    this.#queue.push({ stream, bytes, closing, start: this.#framed[stream], at: 0 });
    this.#framed[stream] += bytes.length;
    this.#waiting += bytes.length + runCost;
  }

  /** Puts messages into the buffer: all of them, or, where nobody may wait, those that fit. */
  #offer(stream: LogStream, bytes: Buffer, closing: Buffer): void {
    const room = this.#options.bufferSize - this.#waiting - runCost;
    if (this.#options.mode === "blocking" || bytes.length <= room) {
      this.#push(stream, bytes, closing);
      return;
    }
    // A buffer smaller than a message takes it all the same when it is empty.
    let fitting = this.#queue.length === 0 ? messageEnd(bytes, 0) : 0;
    for (let end = fitting; end <= room && end < bytes.length; end = messageEnd(bytes, end)) fitting = end;
    if (fitting > 0) this.#push(stream, bytes.subarray(0, fitting), closing);
    this.#framed[stream] += bytes.length - fitting;
    this.#drop(countMessages(bytes, fitting));
  }

  #drop(messages: number): void {
    this.#dropped += messages;
    this.#untold += messages;
  }

  #consume(): void {
    if (this.#consumer !== undefined) return;
    while (this.#queue.length > 0 && this.#quick >= quickWrites) this.#write(this.#fill(this.#batch()));
    if (this.#queue.length > 0) {
      this.#consumer = this.#consumeSlowly().finally(() => {
        this.#consumer = undefined;
        this.#consume();
      });
    } else this.#release();
  }

  async #consumeSlowly(): Promise<void> {
    const batch = new Batch(batchSize);
    while (this.#queue.length > 0 && this.#quick < quickWrites) {
      this.#fill(batch);
      const began = monotonicMs();
      try {
        await this.#file.writeLater(batch.bytes, batch.length);
        this.#written(began);
      } catch (error) {
        this.#failed(error);
      }
      this.#settle();
      this.#release();
    }
  }

  /** Lets those go on who wait for room. */
  #release(): void {
    if (this.#waiting > this.#options.bufferSize / 2) return;
    this.#room?.resolve();
    this.#room = undefined;
  }

  #batch(): Batch {
    sharedBatch ??= new Batch(batchSize);
    return sharedBatch;
  }

  /** Fills `batch` from the buffer, with no more than belongs into the present file. */
  #fill(batch: Batch): Batch {
    batch.length = 0;
    const limit = this.#untilRotation();
    this.#telling = this.#untold;
    if (this.#untold > 0) {
      const note = `mdocker: ${this.#untold} ${this.#untold === 1 ? "message was" : "messages were"} dropped here\n`;
      this.#untold = 0;
      batch.add(
        Buffer.from(note),
        0,
        closingOf("stderr", stampNow(), this.#details),
        Number.POSITIVE_INFINITY,
      );
    }
    let done = 0;
    for (const run of this.#queue) {
      const before = run.at;
      run.at = batch.add(run.bytes, run.at, run.closing, limit);
      this.#waiting -= run.at - before;
      if (run.at < run.bytes.length) break;
      this.#waiting -= runCost;
      done += 1;
    }
    this.#queue.splice(0, done);
    this.#filled = { ...this.#framed };
    // What is dropped is settled with what came before it.
    for (const { stream, start, at } of [...this.#queue].reverse()) this.#filled[stream] = start + at;
    return batch;
  }

  #untilRotation(): number {
    const { maxSize } = this.#options;
    if (maxSize === undefined) return Number.POSITIVE_INFINITY;
    if (this.#file.size < maxSize) return maxSize - this.#file.size;
    try {
      this.#file.rotate();
      this.#complained.delete("rotate");
    } catch (error) {
      this.#complain("rotate", `it cannot be rotated, and grows: ${messageOf(error)}`);
    }
    return maxSize;
  }

  /** The batch that was filled last has been written, or is lost. */
  #settle(): void {
    if (this.#spool === undefined) return;
    const { inode, size } = this.#file;
    try {
      this.#spool.settle({ inode, size, settled: this.#filled });
    } catch (error) {
      this.#complain("spool", `a supervisor that is killed may lose some output: ${messageOf(error)}`);
      this.#dropSpool();
    }
  }

  #write(batch: Batch): void {
    const began = monotonicMs();
    try {
      this.#file.write(batch.bytes, batch.length);
      this.#written(began);
    } catch (error) {
      this.#failed(error);
    }
    this.#settle();
  }

  #written(began: number): void {
    this.#complained.delete("write");
    this.#quick = monotonicMs() - began < slowMs ? this.#quick + 1 : 0;
  }

  /** A full disk, mostly: what could not be written is lost, and is told as soon as something can be written again. */
  #failed(error: unknown): void {
    if (!(error instanceof LogWriteError)) throw error;
    const unsaid = error.all ? this.#telling : 0;
    this.#drop(error.lost - (unsaid > 0 ? 1 : 0));
    this.#untold += unsaid;
    this.#complain("write", `messages are dropped: ${error.message}`);
  }

  /** Says once what holds until it is better. */
  #complain(topic: string, text: string): void {
    if (this.#complained.has(topic)) return;
    this.#complained.add(topic);
    this.#say(`log: ${text}`);
  }
}

/**
 * Opens the log of a container, to append to what there is; undefined for the driver `none`.
 * @throws what open(2) says.
 */
export function openContainerLog(place: LogPlace, options: LogOptions): ContainerLog | undefined {
  return options.driver === "none" ? undefined : new ContainerLog(place, options);
}

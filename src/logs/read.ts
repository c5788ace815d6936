import { existsSync, statSync } from "node:fs";
import { Change } from "./change.ts";
import { decodeEntries, type LogEntry } from "./entry.ts";
import { closeAll, type Generation, openNewer } from "./generations.ts";
import { logPath } from "./log-file.ts";
import { compareMoments, type Moment, momentOf } from "./moment.ts";
import { findTail } from "./tail.ts";

/** What of a log is wanted, as docker's `logs` has it. */
export interface ReadOptions {
  /** The last so many messages; undefined: all. Counted before the other wishes are looked at. */
  readonly tail?: number | undefined;
  /** Those from this time on. */
  readonly since?: Moment | undefined;
  /** Those up to this time. */
  readonly until?: Moment | undefined;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** Go on as the container writes, until this is resolved: it has ended and its log is complete. */
  readonly follow?: Promise<unknown> | undefined;
  /** Ends it before that. */
  readonly signal?: AbortSignal | undefined;
}

const blockSize = 256 * 1024;
/** At the end of a log that is followed little comes at once. */
const smallBlockSize = 16 * 1024;
/** The longest that a timer of Node can wait. */
const longestMs = 2 ** 31 - 1;

/** Reads one file from a position on, in whole lines. */
class Cursor {
  readonly generation: Generation;
  #position: number;
  #size = blockSize;

  constructor(generation: Generation, position: number) {
    this.generation = generation;
    this.#position = position;
  }

  /** The next messages, or undefined when there is no more whole line now. */
  async next(): Promise<LogEntry[] | undefined> {
    for (;;) {
      // Each time another: the messages lie in it.
      const block = Buffer.allocUnsafeSlow(this.#size);
      const { bytesRead } = await this.generation.file.read(block, 0, block.length, this.#position);
      const { entries, end } = decodeEntries(block.subarray(0, bytesRead));
      this.#position += end;
      const full = bytesRead === block.length;
      if (end > 0) {
        this.#size = full ? blockSize : smallBlockSize;
        return entries;
      }
      if (!full) return undefined;
      // Not one of our lines, but there may be some after it.
      this.#size *= 2;
    }
  }
}

/** Chooses by stream and time. */
class Choice {
  readonly #options: ReadOptions;
  /** The time that `until` names is over. */
  over = false;

  constructor(options: ReadOptions) {
    this.#options = options;
  }

  of(entries: LogEntry[]): LogEntry[] {
    const { stdout, stderr, since, until } = this.#options;
    if (stdout && stderr && since === undefined && until === undefined) return entries;
    return entries.filter((entry) => {
      if (this.over || !(entry.stream === "stdout" ? stdout : stderr)) return false;
      if (since === undefined && until === undefined) return true;
      const moment = momentOf(entry.time);
      if (until !== undefined && compareMoments(moment, until) > 0) {
        this.over = true;
        return false;
      }
      return since === undefined || compareMoments(moment, since) >= 0;
    });
  }
}

/** The files that are still to be read, in their order. */
class Reader {
  readonly #path: string;
  readonly #open: Generation[] = [];
  #cursor: Cursor | undefined;

  constructor(directory: string) {
    this.#path = logPath(directory);
  }

  /** Opens the files there are. */
  async start(tail: number | undefined): Promise<void> {
    this.#open.push(...(await openNewer(this.#path)));
    if (tail === undefined) return;
    const { generation, position } = await findTail(this.#open, tail);
    await closeAll(this.#open.splice(0, generation));
    const first = this.#open.shift();
    if (first !== undefined) this.#cursor = new Cursor(first, position);
  }

  /** The next messages, or undefined when there are none now. */
  async next(): Promise<LogEntry[] | undefined> {
    for (;;) {
      const entries = await this.#cursor?.next();
      if (entries !== undefined) return entries;
      if (this.#open.length === 0 && this.#rotated()) {
        this.#open.push(...(await openNewer(this.#path, this.#cursor?.generation)));
      }
      const following = this.#open[0];
      if (following === undefined) return undefined;
      // It may have grown between the look that found its end and the rotation; after that it did not.
      const rest = await this.#cursor?.next();
      if (rest !== undefined) return rest;
      this.#open.shift();
      await this.#cursor?.generation.file.close();
      this.#cursor = new Cursor(following, 0);
    }
  }

  #rotated(): boolean {
    const inode = statSync(this.#path, { bigint: true, throwIfNoEntry: false })?.ino;
    return inode !== this.#cursor?.generation.inode;
  }

  async close(): Promise<void> {
    await closeAll(this.#open.splice(0));
    await this.#cursor?.generation.file.close();
  }
}

/**
 * The messages of the container whose directory this is, in batches as they are read: over all files, the oldest first;
 * a container that has written nothing has none. Following is driven by inotify(7), and outlives rotation; it ends also
 * when the directory is removed.
 */
export async function* readLogBatches(directory: string, options: ReadOptions): AsyncGenerator<LogEntry[]> {
  const { signal, follow, until } = options;
  const aborted = (): boolean => signal?.aborted === true;
  const reader = new Reader(directory);
  const choice = new Choice(options);
  // Before the first look: nothing that is written after it can be missed.
  using change = follow === undefined ? undefined : new Change(directory);
  let ended = follow === undefined;
  const end = (): void => {
    ended = true;
    change?.tell();
  };
  follow?.then(end, end);
  signal?.addEventListener("abort", end);
  const left =
    follow === undefined || until === undefined ? longestMs : until.seconds * 1000 + 1000 - Date.now();
  const timer = left < longestMs ? setTimeout(end, Math.max(0, left)) : undefined;
  try {
    await reader.start(options.tail);
    while (!aborted() && !choice.over) {
      // Asked for before the look: what was written until the end is seen by it.
      const last = ended || !existsSync(directory);
      for (let batch = await reader.next(); batch !== undefined; batch = await reader.next()) {
        const chosen = choice.of(batch);
        if (chosen.length > 0) yield chosen;
        if (aborted() || choice.over) return;
      }
      if (last) return;
      await change?.next();
    }
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", end);
    await reader.close();
  }
}

/** The same, one by one. */
export async function* readLogs(directory: string, options: ReadOptions): AsyncGenerator<LogEntry> {
  for await (const batch of readLogBatches(directory, options)) yield* batch;
}

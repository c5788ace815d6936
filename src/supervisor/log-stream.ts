import { shownDetails } from "../logs/details.ts";
import type { LogEntry } from "../logs/entry.ts";
import { shownTime } from "../logs/shown-time.ts";
import { frameHeader } from "./http/frames.ts";

/** The largest frame that is made of several messages, in bytes. */
const largestFrame = 64 * 1024;

/** Turns messages of a log into what a client gets: raw as from a terminal, or in frames of one stream each. */
export class LogStream {
  readonly #terminal: boolean;
  readonly #timestamps: boolean;
  readonly #details: boolean;
  /** Streams whose last message was a piece of a line: what follows needs no time of its own. */
  readonly #open = new Set<string>();

  constructor({
    terminal,
    timestamps,
    details,
  }: { readonly terminal: boolean; readonly timestamps: boolean; readonly details: boolean }) {
    this.#terminal = terminal;
    this.#timestamps = timestamps;
    this.#details = details;
  }

  /** The bytes for these messages, which follow those of the call before. */
  bytes(entries: readonly LogEntry[]): Buffer {
    const parts: Buffer[] = [];
    let pending: Buffer[] = [];
    let [stream, length]: [LogEntry["stream"], number] = ["stdout", 0];
    const flush = (): void => {
      if (length > 0 && !this.#terminal) parts.push(frameHeader(stream, length));
      parts.push(...pending);
      pending = [];
      length = 0;
    };
    for (const entry of entries) {
      if (entry.stream !== stream || length > largestFrame) flush();
      stream = entry.stream;
      for (const part of this.#partsOf(entry)) {
        pending.push(part);
        length += part.length;
      }
    }
    flush();
    return Buffer.concat(parts);
  }

  #partsOf(entry: LogEntry): Buffer[] {
    if (!this.#timestamps && !this.#details) return [entry.line];
    const begins = !this.#open.has(entry.stream);
    if (entry.whole) this.#open.delete(entry.stream);
    else this.#open.add(entry.stream);
    const time = this.#timestamps ? `${shownTime(entry.time)} ` : "";
    const details = this.#details ? `${shownDetails(entry.details)} ` : "";
    return begins ? [Buffer.from(time + details), entry.line] : [entry.line];
  }
}

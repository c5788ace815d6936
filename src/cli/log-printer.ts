import { shownDetails } from "../logs/details.ts";
import type { LogEntry } from "../logs/entry.ts";
import { shownTime } from "../logs/shown-time.ts";
import { writeAll } from "./output.ts";

const size = 128 * 1024;

/** Writes messages to stdout and stderr, many at a time: those of one stream that follow each other. */
export class LogPrinter {
  readonly #timestamps: boolean;
  readonly #details: boolean;
  readonly #bytes = Buffer.allocUnsafe(size);
  #length = 0;
  #fd = 1;
  /** Streams whose last message was a piece of a line: what follows needs no time of its own. */
  readonly #open = new Set<string>();

  constructor({ timestamps, details }: { readonly timestamps: boolean; readonly details: boolean }) {
    this.#timestamps = timestamps;
    this.#details = details;
  }

  print(entries: readonly LogEntry[]): void {
    for (const entry of entries) this.#add(entry);
    this.#flush();
  }

  #add(entry: LogEntry): void {
    const fd = entry.stream === "stdout" ? 1 : 2;
    if (fd !== this.#fd) this.#flush();
    this.#fd = fd;
    if (this.#timestamps || this.#details) {
      if (!this.#open.has(entry.stream)) this.#append(Buffer.from(this.#prefix(entry)));
      if (entry.whole) this.#open.delete(entry.stream);
      else this.#open.add(entry.stream);
    }
    this.#append(entry.line);
  }

  #prefix({ time, details }: LogEntry): string {
    return `${this.#timestamps ? `${shownTime(time)} ` : ""}${this.#details ? `${shownDetails(details)} ` : ""}`;
  }

  #append(bytes: Buffer): void {
    if (bytes.length > size - this.#length) this.#flush();
    if (bytes.length > size) writeAll(this.#fd, bytes);
    else this.#length += bytes.copy(this.#bytes, this.#length);
  }

  #flush(): void {
    if (this.#length > 0) writeAll(this.#fd, this.#bytes.subarray(0, this.#length));
    this.#length = 0;
  }
}

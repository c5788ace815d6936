const opening = Buffer.from('{"log":"');
const middle = Buffer.from('","stream":"std');
const beforeTime = Buffer.from('","time":"');
const beforeDetails = Buffer.from(',"attrs":');
const afterDetails = Buffer.from(',"time":"');
const [newline, quote, backslash] = [0x0a, 0x22, 0x5c];

/** One message of a log: a line with its newline, or a piece of a long one. */
export class LogEntry {
  readonly stream: "stdout" | "stderr";
  readonly line: Buffer;
  readonly #stamp: Buffer;
  readonly #details: Buffer | undefined;

  constructor(stream: "stdout" | "stderr", line: Buffer, stamp: Buffer, details?: Buffer) {
    this.stream = stream;
    this.line = line;
    this.#stamp = stamp;
    this.#details = details;
  }

  /** What the message tells of its container. */
  get details(): Readonly<Record<string, string>> {
    if (this.#details === undefined) return {};
    try {
      return JSON.parse(this.#details.toString()) as Record<string, string>;
    } catch {
      // Of another writer.
      return {};
    }
  }

  /** RFC 3339, in UTC, with up to nine digits. */
  get time(): string {
    return this.#stamp.toString("latin1");
  }

  /** False for a piece that is followed by the rest of its line. */
  get whole(): boolean {
    return this.line.at(-1) === newline;
  }
}

const escapes = new Map<number, number>(
  [...'"\\/bfnrt'].map((letter, at) => [letter.charCodeAt(0), '"\\/\b\f\n\r\t'.charCodeAt(at)]),
);

function matches(bytes: Buffer, at: number, expected: Buffer): boolean {
  for (let part = 0; part < expected.length; part++) if (bytes[at + part] !== expected[part]) return false;
  return true;
}

/**
 * Decodes the JSON string from `from` to `end` in its own place: it only becomes shorter. Answers where the text ends
 * then, or -1 when it is none.
 */
function decodeString(bytes: Buffer, from: number, end: number): number {
  const first = bytes.indexOf(backslash, from);
  let to = first < 0 || first > end ? end : first;
  if (bytes.indexOf(quote, from) < to) return -1;
  for (let at = to; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte !== backslash) {
      if (byte === quote) return -1;
      bytes[to++] = byte;
      continue;
    }
    const letter = bytes[++at] as number;
    const plain = escapes.get(letter);
    if (plain !== undefined) {
      bytes[to++] = plain;
      continue;
    }
    const code = letter === 0x75 ? Number.parseInt(bytes.toString("latin1", at + 1, at + 5), 16) : Number.NaN;
    if (Number.isNaN(code)) return -1;
    to += bytes.write(String.fromCharCode(code), to);
    at += 4;
  }
  return to;
}

/** The same of a message with details between its stream and its time; `time` is where its time begins. */
function detailedEntry(bytes: Buffer, from: number, end: number, time: number): LogEntry | undefined {
  const text = from + opening.length;
  // Quotes in the text are escaped: this is nowhere in it.
  const close = bytes.indexOf(middle, text);
  const stream = close + middle.length;
  // The three letters of its name, and a quote.
  const details = stream + 4 + beforeDetails.length;
  const detailsEnd = time - afterDetails.length;
  if (close < 0 || detailsEnd < details) return undefined;
  if (!matches(bytes, stream + 4, beforeDetails) || !matches(bytes, detailsEnd, afterDetails))
    return undefined;
  const name = bytes[stream] === 0x6f ? "stdout" : "stderr";
  const textEnd = decodeString(bytes, text, close);
  if (textEnd < 0) return undefined;
  const stamp = bytes.subarray(time, end - 2);
  return new LogEntry(name, bytes.subarray(text, textEnd), stamp, bytes.subarray(details, detailsEnd));
}

/** The message in the line from `from` to `end`, its newline; its text is decoded in place. Undefined: it is not one. */
function entryIn(bytes: Buffer, from: number, end: number): LogEntry | undefined {
  if (!matches(bytes, from, opening) || bytes[end - 1] !== 0x7d || bytes[end - 2] !== quote) return undefined;
  // Everything after the text has its place counted from the end, but for the length of the time.
  const time = bytes.lastIndexOf(quote, end - 3) + 1;
  const stream = time - beforeTime.length - 3;
  const close = stream - middle.length;
  if (close < from + opening.length) return undefined;
  if (!matches(bytes, close, middle) || !matches(bytes, time - beforeTime.length, beforeTime))
    return detailedEntry(bytes, from, end, time);
  const name = bytes[stream] === 0x6f ? "stdout" : "stderr";
  const text = from + opening.length;
  const textEnd = decodeString(bytes, text, close);
  return textEnd < 0
    ? undefined
    : new LogEntry(name, bytes.subarray(text, textEnd), bytes.subarray(time, end - 2));
}

/**
 * The messages in the whole lines of `bytes`, which are used up by it, and where the last whole line ends. What is no
 * message is passed over: the torn line of a writer that was killed.
 */
export function decodeEntries(bytes: Buffer): { readonly entries: LogEntry[]; readonly end: number } {
  const entries: LogEntry[] = [];
  let from = 0;
  for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, from)) {
    const entry = entryIn(bytes, from, end);
    if (entry !== undefined) entries.push(entry);
    from = end + 1;
  }
  return { entries, end: from };
}

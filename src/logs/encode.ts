import { messageEnd, messageSize } from "./message.ts";

const opening = Buffer.from('{"log":"');
const hex = Buffer.from("0123456789abcdef");
const replacement = Buffer.from("\\ufffd");
/** U+2028 and U+2029, by their bytes: they end lines in JavaScript. */
const lineEnds = new Map([
  [0xe280a8, Buffer.from("\\u2028")],
  [0xe280a9, Buffer.from("\\u2029")],
]);
const [backslash, letterN, letterR, letterU, zero] = [0x5c, 0x6e, 0x72, 0x75, 0x30];

/** 1 for bytes that stand for themselves in docker's JSON strings; `<`, `>` and `&` do not. */
const plain = new Uint8Array(256);
for (let byte = 0x20; byte < 0x80; byte++) plain[byte] = '"\\<>&'.includes(String.fromCharCode(byte)) ? 0 : 1;

/** What follows the text of a message; `details` as JSON, if there are any. */
export function closingOf(stream: string, stamp: string, details?: string): Buffer {
  const attrs = details === undefined ? "" : `,"attrs":${details}`;
  return Buffer.from(`","stream":"${stream}"${attrs},"time":"${stamp}"}\n`);
}

/** So many bytes are copied faster by memcpy(3), its call included, than one by one. */
const copyFrom = 48;

function escapeAscii(out: Buffer, at: number, byte: number): number {
  let to = at;
  out[to++] = backslash;
  if (byte === 0x0a) out[to++] = letterN;
  else if (byte === 0x0d) out[to++] = letterR;
  else if (byte === 0x22 || byte === backslash) out[to++] = byte;
  else {
    out[to++] = letterU;
    out[to++] = zero;
    out[to++] = zero;
    out[to++] = hex[byte >> 4] as number;
    out[to++] = hex[byte & 15] as number;
  }
  return to;
}

/** The most that the details of a message may take as JSON, in bytes. */
export const mostDetails: number = 16 * 1024;

/** Room that one encoded message may need: every byte as `\u0000`, and the rest of the object. */
const messageRoom = messageSize * 6 + mostDetails + 128;

/** The length of the UTF-8 character at `at`, or 0 when there is none that RFC 3629 allows. */
function characterLength(bytes: Buffer, at: number, end: number): number {
  const [first = 0, second = 0] = [bytes[at], bytes[at + 1]];
  const length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (length === 0 || at + length > end) return 0;
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (second < low || second > high) return 0;
  for (let more = 2; more < length; more++) if (((bytes[at + more] ?? 0) & 0xc0) !== 0x80) return 0;
  return length;
}

/** Collects messages as lines of docker's json-file format in one buffer, to be written at once. */
export class Batch {
  readonly bytes: Buffer;
  length = 0;

  constructor(size: number) {
    this.bytes = Buffer.allocUnsafeSlow(Math.max(size, messageRoom));
  }

  get full(): boolean {
    return this.bytes.length - this.length < messageRoom;
  }

  /**
   * Encodes the messages of `run` from `from` on, until there is no more room or `limit` bytes are reached. Answers where
   * it stopped.
   */
  add(run: Buffer, from: number, closing: Buffer, limit: number): number {
    let at = from;
    while (at < run.length && this.length < limit && !this.full) {
      const end = messageEnd(run, at);
      this.#append(opening);
      this.length = this.#escape(run, at, end);
      this.#append(closing);
      at = end;
    }
    return at;
  }

  #append(part: Buffer): void {
    this.length += part.copy(this.bytes, this.length);
  }

  /** Docker's escapes. A byte that is not UTF-8 becomes U+FFFD. */
  #escape(run: Buffer, from: number, end: number): number {
    const out = this.bytes;
    let to = this.length;
    for (let at = from; at < end; ) {
      const start = at;
      while (at < end && plain[run[at] as number] === 1) at++;
      if (at - start > copyFrom) to += run.copy(out, to, start, at);
      else for (let part = start; part < at; part++) out[to++] = run[part] as number;
      if (at === end) break;
      const byte = run[at] as number;
      if (byte < 0x80) {
        to = escapeAscii(out, to, byte);
        at += 1;
        continue;
      }
      const length = characterLength(run, at, end);
      const escaped =
        length === 0 ? replacement : length === 3 ? lineEnds.get(run.readUIntBE(at, 3)) : undefined;
      if (escaped !== undefined) to += escaped.copy(out, to);
      else for (let part = at; part < at + length; part++) out[to++] = run[part] as number;
      at += Math.max(length, 1);
    }
    return to;
  }
}

/*
 * Messages of the DNS (RFC 1035, 4.1) as bytes: a question is read just as far as an answer needs it, and what is
 * forwarded goes on as it came.
 */

export const recordType = { A: 1, PTR: 12, AAAA: 28, OPT: 41, ANY: 255 } as const;
export const recordClass = { IN: 1, ANY: 255 } as const;
export const responseCode = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  noSuchName: 3,
  notImplemented: 4,
  refused: 5,
  badVersion: 16,
} as const;

/** Bits of the second word of the header. */
export const flag = {
  response: 0x8000,
  authoritative: 0x0400,
  truncated: 0x0200,
  wanted: 0x0100,
  available: 0x0080,
};

export const headerSize = 12;
/** What may be sent by UDP to who says nothing of the room he has. */
const plainRoom = 512;
/** The room that we ask for: what passes every link without being cut up (DNS flag day 2020). */
const ownRoom = 1232;
const optSize = 11;

/** EDNS of a question (RFC 6891). */
interface Edns {
  readonly room: number;
  readonly version: number;
  readonly dnssec: boolean;
}

/** A question, as it came. */
export interface Query {
  readonly bytes: Buffer;
  readonly id: number;
  readonly opcode: number;
  /** The asker wants us to go on asking others. */
  readonly recursion: boolean;
  /** Lower case, without the last dot. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** Where the question section ends. */
  readonly end: number;
  readonly edns: Edns | undefined;
}

/** The end of a name, which may lead elsewhere by a pointer (RFC 1035, 4.1.4); undefined when it is cut off. */
function endOfName(bytes: Buffer, at: number): number | undefined {
  let next = at;
  for (;;) {
    const length = bytes[next];
    if (length === undefined) return undefined;
    if (length === 0) return next + 1;
    if ((length & 0xc0) === 0xc0) return next + 2;
    if (length > 63) return undefined;
    next += length + 1;
  }
}

interface Question {
  readonly name: string;
  readonly end: number;
}

/** The name asked for and the end of the question; a name in it has nothing before it that it could point to. */
function readQuestion(bytes: Buffer): Question | undefined {
  const labels: string[] = [];
  let at = headerSize;
  for (;;) {
    const length = bytes[at];
    if (length === undefined || length > 63) return undefined;
    if (length === 0) break;
    labels.push(bytes.toString("latin1", at + 1, at + 1 + length));
    at += length + 1;
    // 255 octets at most, with the lengths (RFC 1035, 3.1).
    if (at - headerSize > 254) return undefined;
  }
  const end = at + 5;
  return end > bytes.length ? undefined : { name: labels.join(".").toLowerCase(), end };
}

/** The OPT record after the question; "malformed" for two of them, or records that do not end. */
function readEdns(bytes: Buffer, from: number, count: number): Edns | undefined | "malformed" {
  let found: Edns | undefined;
  let at = from;
  for (let i = 0; i < count; i += 1) {
    const head = endOfName(bytes, at);
    if (head === undefined || head + 10 > bytes.length) return "malformed";
    const end = head + 10 + bytes.readUInt16BE(head + 8);
    if (end > bytes.length) return "malformed";
    if (bytes.readUInt16BE(head) === recordType.OPT) {
      if (found !== undefined || head !== at + 1) return "malformed";
      found = {
        room: bytes.readUInt16BE(head + 2),
        version: bytes.readUInt8(head + 5),
        dnssec: (bytes.readUInt8(head + 6) & 0x80) !== 0,
      };
    }
    at = end;
  }
  return found;
}

/**
 * Reads a question. "malformed" for what has a header, and is to be told that it is wrong; undefined for what is to be
 * passed over: too short to have a header, or no question at all but an answer.
 */
export function readQuery(bytes: Buffer): Query | "malformed" | undefined {
  if (bytes.length < headerSize) return undefined;
  const flags = bytes.readUInt16BE(2);
  if ((flags & flag.response) !== 0) return undefined;
  const opcode = (flags >> 11) & 15;
  const header = { bytes, id: bytes.readUInt16BE(0), opcode, recursion: (flags & flag.wanted) !== 0 };
  // Of other operations nothing but the header is known to us.
  if (opcode !== 0)
    return { ...header, name: "", type: 0, class: recordClass.IN, end: headerSize, edns: undefined };
  if (bytes.readUInt16BE(4) !== 1) return "malformed";
  const question = readQuestion(bytes);
  if (question === undefined) return "malformed";
  const { name, end } = question;
  const others = bytes.readUInt16BE(6) + bytes.readUInt16BE(8) + bytes.readUInt16BE(10);
  const edns = others === 0 ? undefined : readEdns(bytes, end, others);
  if (edns === "malformed") return edns;
  return {
    ...header,
    name,
    type: bytes.readUInt16BE(end - 4),
    class: bytes.readUInt16BE(end - 2),
    end,
    edns,
  };
}

/** How long an answer by UDP may be. */
export function roomOf({ edns }: Pick<Query, "edns">): number {
  return Math.max(edns?.room ?? plainRoom, plainRoom);
}

/** A record whose owner is the name asked for, and which nobody is to keep: its time to live is 0. */
export function answerRecord(type: number, data: Uint8Array): Buffer {
  // pointer to the question's name u16 · type u16 · class u16 · ttl u32 · length u16 · data
  const record = Buffer.alloc(12 + data.length);
  record.writeUInt16BE(0xc000 | headerSize, 0);
  record.writeUInt16BE(type, 2);
  record.writeUInt16BE(recordClass.IN, 4);
  record.writeUInt16BE(data.length, 10);
  record.set(data, 12);
  return record;
}

/** A name as it is sent, of labels that were checked before. */
export function encodeName(name: string): Buffer {
  const parts = name === "" ? [] : name.split(".");
  return Buffer.concat([
    ...parts.flatMap((part) => [Buffer.of(part.length), Buffer.from(part, "latin1")]),
    Buffer.of(0),
  ]);
}

/** True when every label of the name can be sent (RFC 1035, 3.1). */
export function fitsName(name: string): boolean {
  return name.length <= 253 && name.split(".").every((label) => label.length > 0 && label.length <= 63);
}

/** What an answer says besides the question. */
export interface Answer {
  readonly code: number;
  /** It is ours to say. */
  readonly authoritative?: boolean;
  readonly records?: readonly Buffer[];
}

function header(query: Query, bits: number, code: number, answers: number): Buffer {
  const bytes = Buffer.from(query.bytes.subarray(0, query.end));
  const kept = query.bytes.readUInt16BE(2) & (0x7800 | flag.wanted);
  bytes.writeUInt16BE(flag.response | kept | flag.available | bits | (code & 15), 2);
  bytes.writeUInt16BE(query.end > headerSize ? 1 : 0, 4);
  bytes.writeUInt16BE(answers, 6);
  bytes.writeUInt16BE(0, 8);
  bytes.writeUInt16BE(query.edns === undefined ? 0 : 1, 10);
  return bytes;
}

/** OPT: root u8 · type u16 · room u16 · high bits of the code u8 · version u8 · DO u16 · length u16. */
function opt({ edns }: Query, code: number): Buffer {
  if (edns === undefined) return Buffer.alloc(0);
  const record = Buffer.alloc(optSize);
  record.writeUInt16BE(recordType.OPT, 1);
  record.writeUInt16BE(ownRoom, 3);
  record.writeUInt8(code >> 4, 5);
  record.writeUInt16BE(edns.dnssec ? 0x8000 : 0, 7);
  return record;
}

/** The answer to a question; one that does not fit into `room` says so, and is asked for again by TCP. */
export function writeAnswer(
  query: Query,
  { code, authoritative, records = [] }: Answer,
  room: number,
): Buffer {
  const bits = authoritative === true ? flag.authoritative : 0;
  const size = records.reduce((sum, record) => sum + record.length, query.end + optSize);
  if (size > room) return Buffer.concat([header(query, bits | flag.truncated, code, 0), opt(query, code)]);
  return Buffer.concat([header(query, bits, code, records.length), ...records, opt(query, code)]);
}

/** The answer to something that has a header and no more sense. */
export function writeFormatError(bytes: Buffer): Buffer {
  const answer = Buffer.alloc(headerSize);
  answer.writeUInt16BE(bytes.readUInt16BE(0), 0);
  const kept = bytes.readUInt16BE(2) & (0x7800 | flag.wanted);
  answer.writeUInt16BE(flag.response | kept | flag.available | responseCode.formatError, 2);
  return answer;
}

/** An answer of others cut to what fits: the question alone, marked as truncated. */
export function cutAnswer(query: Query, answer: Buffer, room: number): Buffer {
  return answer.length <= room ? answer : writeAnswer(query, { code: responseCode.noError }, 0);
}

import type { Bytes } from "./bytes.ts";
import { type Context, withPort } from "./context.ts";
import { decodeDns } from "./dns.ts";
import type { Carried } from "./transport.ts";

const SYN = 0x02;
const ACK = 0x10;
/** As tcpdump(8) shows them: `.` is an acknowledgement. */
const flagLetters: readonly (readonly [number, string])[] = [
  [0x01, "F"],
  [SYN, "S"],
  [0x04, "R"],
  [0x08, "P"],
  [ACK, "."],
  [0x20, "U"],
  [0x40, "E"],
  [0x80, "W"],
];

/** The maximum segment size of a SYN, and the scale of its windows. */
function options(bytes: Bytes, header: number): string {
  let text = "";
  for (let at = 20; at < header; ) {
    const kind = bytes.u8(at);
    if (kind === 0) break;
    if (kind === 1) {
      at += 1;
      continue;
    }
    const length = bytes.u8(at + 1);
    if (length < 2) break;
    if (kind === 2) text += ` mss ${bytes.u16(at + 2)}`;
    if (kind === 3) text += ` wscale ${bytes.u8(at + 2)}`;
    at += length;
  }
  return text;
}

/**
 * RFC 9293: source port u16@0 · destination port u16@2 · sequence u32@4 · acknowledgement u32@8 · header length and flags
 * u16@12 · window u16@14. Sequence numbers are shown from the beginning of their stream.
 */
export function decodeTcp(bytes: Bytes, { source, destination, size }: Carried, context: Context): string {
  const [from, to] = [bytes.u16(0), bytes.u16(2)];
  const ends = `${withPort(context, source, from)} > ${withPort(context, destination, to)}`;
  const [sequence, acknowledged] = [bytes.u32(4), bytes.u32(8)];
  const header = (bytes.u8(12) >> 4) * 4;
  const flags = bytes.u8(13);
  if (header < 20) return `${ends} tcp bad header length ${header}`;
  const letters = flagLetters.flatMap(([flag, letter]) => ((flags & flag) === 0 ? [] : [letter])).join("");
  const [there, back] = [`${source} ${from} ${destination} ${to}`, `${destination} ${to} ${source} ${from}`];
  const first = context.streams.first(there, sequence, (flags & SYN) !== 0);
  const relative = (sequence - first) >>> 0;
  const length = Math.max(0, size - header);
  const acknowledges = (): string => {
    const begun = context.streams.known(back);
    return ` ack ${begun === undefined ? acknowledged : (acknowledged - begun) >>> 0}`;
  };
  const line = [
    `${ends} tcp ${letters || "none"} seq ${relative}${length > 0 ? `:${relative + length}` : ""}`,
    (flags & ACK) === 0 ? "" : acknowledges(),
    ` win ${bytes.u16(14)}`,
    (flags & SYN) === 0 ? "" : options(bytes, header),
    ` len ${length}`,
  ].join("");
  // Over TCP a message of DNS is preceded by its length.
  if (length < 14 || (from !== 53 && to !== 53)) return line;
  const message = bytes.from(header);
  return message.length >= 14 ? `${line} ${decodeDns(message.from(2, message.u16(0)), context)}` : line;
}

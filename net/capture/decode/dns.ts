import { ipv4At, ipv6At, printable } from "./address.ts";
import { type Bytes, CutOff } from "./bytes.ts";
import type { Context } from "./context.ts";

const types: Readonly<Record<number, string>> = {
  1: "A",
  2: "NS",
  5: "CNAME",
  6: "SOA",
  12: "PTR",
  15: "MX",
  16: "TXT",
  28: "AAAA",
  33: "SRV",
  41: "OPT",
  43: "DS",
  46: "RRSIG",
  48: "DNSKEY",
  64: "SVCB",
  65: "HTTPS",
  252: "AXFR",
  255: "ANY",
};
const codes = ["noerror", "formerr", "servfail", "nxdomain", "notimp", "refused"];
/** More labels than a name can have, pointers included: who points in circles is found out. */
const mostLabels = 130;
/** Answers that are shown of one message. */
const mostShown = 8;

const typeName = (type: number): string => types[type] ?? `TYPE${type}`;

/** A name that may be compressed (RFC 1035, 4.1.4), and where it ends. */
function nameAt(bytes: Bytes, start: number): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let at = start;
  let end: number | undefined;
  for (let count = 0; count < mostLabels; count += 1) {
    const length = bytes.u8(at);
    if (length === 0) return { name: `${labels.join(".")}.`, end: end ?? at + 1 };
    if (length >= 0xc0) {
      end ??= at + 2;
      at = bytes.u16(at) & 0x3fff;
    } else if (length >= 0x40) {
      throw new CutOff();
    } else {
      labels.push(printable(bytes.raw(at + 1, length)));
      at += 1 + length;
    }
  }
  throw new CutOff();
}

/** What a record says. @param at Where its data begins. */
function dataOf(bytes: Bytes, type: number, at: number, length: number, { who }: Context): string {
  switch (type) {
    case 1:
      return length === 4 ? named(ipv4At(bytes, at), who) : "?";
    case 28:
      return length === 16 ? named(ipv6At(bytes, at), who) : "?";
    case 2:
    case 5:
    case 6:
    case 12:
      return nameAt(bytes, at).name;
    case 15:
      return `${bytes.u16(at)} ${nameAt(bytes, at + 2).name}`;
    case 33:
      return `${nameAt(bytes, at + 6).name}:${bytes.u16(at + 4)}`;
    case 16:
      return JSON.stringify(printable(bytes.raw(at + 1, Math.min(bytes.u8(at), 60))));
    default:
      return `${length} bytes`;
  }
}

/** An address in an answer is the point of it: a name is added, not put in its place. */
function named(address: string, who: Context["who"]): string {
  const name = who(address);
  return name === address ? address : `${address} (${name})`;
}

/** RFC 1035: id u16@0 · flags u16@2 · counts of questions, answers, authorities and additions u16@4 to @10 · sections@12. */
export function decodeDns(bytes: Bytes, context: Context): string {
  const [id, flags, questions, answers] = [bytes.u16(0), bytes.u16(2), bytes.u16(4), bytes.u16(6)];
  const isAnswer = (flags & 0x8000) !== 0;
  let at = 12;
  let question = "";
  for (let count = 0; count < Math.min(questions, mostShown); count += 1) {
    const { name, end } = nameAt(bytes, at);
    question += ` ${typeName(bytes.u16(end))} ${name}`;
    at = end + 4;
  }
  if (!isAnswer) return `dns query ${id}${question}`;
  const found: string[] = [];
  try {
    for (let count = 0; count < Math.min(answers, mostShown); count += 1) {
      const { end } = nameAt(bytes, at);
      const [type, length] = [bytes.u16(end), bytes.u16(end + 8)];
      const data = dataOf(bytes, type, end + 10, length, context);
      found.push(type === 1 || type === 28 ? data : `${typeName(type)} ${data}`);
      at = end + 10 + length;
    }
  } catch (error) {
    if (!(error instanceof CutOff)) throw error;
    found.push("...");
  }
  const code = codes[flags & 0xf] ?? `rcode ${flags & 0xf}`;
  const what = found.length > 0 ? ` -> ${found.join(", ")}` : "";
  const more = answers > mostShown ? ` and ${answers - mostShown} more` : "";
  const truncated = (flags & 0x0200) === 0 ? "" : " truncated";
  return `dns answer ${id}${question} ${code}${what}${more}${truncated}`;
}

import { InetSocket } from "../../src/sys/inet-socket.ts";
import { insideNetns } from "../../src/sys/namespaces.ts";
import { encodeName, fitsName, flag, headerSize, recordClass, recordType } from "../dns/message.ts";
import { formatIpv4 } from "../ipv4.ts";
import { ipv6Text } from "../ipv6.ts";
import { ipBytes } from "../netlink/ip.ts";

const port = 53;
const waitMs = 1000;

/** What one server says to one name. */
export interface NameAnswer {
  readonly server: string;
  readonly name: string;
  /** `answered`: it knows the name, perhaps without an address of that family. */
  readonly outcome: "answered" | "unknown" | "failed" | "silent" | "refused";
  readonly addresses: readonly string[];
  /** In words. */
  readonly said: string;
}

/** A question for the addresses of a name (RFC 1035, 4.1). */
export function question(id: number, name: string, six: boolean): Buffer {
  const header = Buffer.alloc(headerSize);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(flag.wanted, 2);
  header.writeUInt16BE(1, 4);
  const end = Buffer.alloc(4);
  end.writeUInt16BE(six ? recordType.AAAA : recordType.A, 0);
  end.writeUInt16BE(recordClass.IN, 2);
  return Buffer.concat([header, encodeName(name), end]);
}

/** Where the name at `at` ends. */
function skipName(bytes: Buffer, at: number): number {
  let next = at;
  for (;;) {
    const length = bytes[next] ?? 0;
    if (length === 0) return next + 1;
    if (length >= 0xc0) return next + 2;
    next += length + 1;
  }
}

/** The addresses of an answer; undefined when it is none to that question. @throws RangeError when it is cut off */
export function readAnswer(
  bytes: Buffer,
  id: number,
): { readonly code: number; readonly addresses: string[] } | undefined {
  if (bytes.length < headerSize || bytes.readUInt16BE(0) !== id) return undefined;
  const flags = bytes.readUInt16BE(2);
  if ((flags & flag.response) === 0) return undefined;
  const addresses: string[] = [];
  let at = headerSize;
  for (let count = bytes.readUInt16BE(4); count > 0; count -= 1) at = skipName(bytes, at) + 4;
  for (let count = bytes.readUInt16BE(6); count > 0; count -= 1) {
    at = skipName(bytes, at);
    const [type, length] = [bytes.readUInt16BE(at), bytes.readUInt16BE(at + 8)];
    const data = bytes.subarray(at + 10, at + 10 + length);
    if (type === recordType.A && length === 4) addresses.push(formatIpv4(data.readUInt32BE(0)));
    if (type === recordType.AAAA && length === 16) addresses.push(ipv6Text(data));
    at += 10 + length;
  }
  return { code: flags & 15, addresses };
}

const codes: Readonly<Record<number, string>> = {
  1: "format error",
  2: "server failure",
  3: "no such name",
  4: "not implemented",
  5: "refused",
};

/** Asks a server for the addresses of a name, from the network namespace `netns` (an open file of it), by UDP. */
export function askName(netns: number, server: string, name: string, six = false): NameAnswer {
  const about = { server, name, addresses: [] };
  if (!fitsName(name)) return { ...about, outcome: "unknown", said: "that is no name" };
  using socket = insideNetns(netns, () => new InetSocket("udp", server.includes(":")));
  const id = Math.floor(Math.random() * 0x10000);
  const error = socket.connect(ipBytes(server), port) ?? socket.send(question(id, name, six));
  if (error !== undefined) return { ...about, outcome: "refused", said: error };
  const deadline = Date.now() + waitMs;
  for (let left = waitMs; left > 0 && socket.readable(left); left = deadline - Date.now()) {
    const got = socket.receive();
    if (got === undefined) continue;
    if (typeof got === "string") return { ...about, outcome: "refused", said: got };
    let answer: ReturnType<typeof readAnswer>;
    try {
      answer = readAnswer(got, id);
    } catch {
      continue;
    }
    if (answer === undefined) continue;
    const { code, addresses } = answer;
    if (code === 0) {
      const said = addresses.length === 0 ? "no address" : addresses.join(", ");
      return { ...about, addresses, outcome: "answered", said };
    }
    return { ...about, outcome: code === 3 ? "unknown" : "failed", said: codes[code] ?? `code ${code}` };
  }
  return { ...about, outcome: "silent", said: `no answer in ${waitMs / 1000} s` };
}

/** The names that a resolver asks for, in order (resolv.conf(5)): with the search list where the name has few dots. */
export function candidates(
  name: string,
  { search, options }: { readonly search: readonly string[]; readonly options: readonly string[] },
): string[] {
  if (name.endsWith(".")) return [name.slice(0, -1)];
  const ndots = Number(options.find((option) => option.startsWith("ndots:"))?.slice(6) ?? 1);
  const longer = search.filter((domain) => domain !== ".").map((domain) => `${name}.${domain}`);
  return name.split(".").length - 1 >= ndots ? [name, ...longer] : [...longer, name];
}

import { parseIpv4 } from "./ipv4.ts";

/** IPv6 addresses as 128-bit numbers, read as RFC 4291 writes them and written as RFC 5952 wants them. */

function parseGroups(text: string): number[] | undefined {
  if (text === "") return [];
  const groups = text.split(":");
  const last = groups.at(-1) ?? "";
  const dotted = last.includes(".") ? parseIpv4(last) : undefined;
  if (last.includes(".") && dotted === undefined) return undefined;
  const plain = dotted === undefined ? groups : groups.slice(0, -1);
  if (!plain.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  const numbers = plain.map((group) => Number.parseInt(group, 16));
  return dotted === undefined ? numbers : [...numbers, dotted >>> 16, dotted & 0xffff];
}

/** `fd00::1` as a number, or undefined when it is no IPv6 address (without a zone). */
export function parseIpv6(text: string): bigint | undefined {
  const halves = text.split("::");
  if (halves.length > 2 || !text.includes(":")) return undefined;
  const [head, tail] = halves.map(parseGroups);
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined;
  const given = head.length + (tail?.length ?? 0);
  // `::` stands for at least one group.
  if (halves.length === 2 ? given > 7 : given !== 8) return undefined;
  // A dotted quad ends an address, never its first half.
  if (halves.length === 2 && halves[0]?.includes(".")) return undefined;
  const groups = [...head, ...Array<number>(8 - given).fill(0), ...(tail ?? [])];
  return groups.reduce((value, group) => (value << 16n) | BigInt(group), 0n);
}

/** The number of an address that was checked before; throws for anything else: a programming error. */
export function ipv6(text: string): bigint {
  const value = parseIpv6(text);
  if (value === undefined) throw new Error(`not an IPv6 address: ${text}`);
  return value;
}

/** `fd00::1` for its number: lower case, the longest run of zero groups as `::`, the first of several. */
export function formatIpv6(value: bigint): string {
  const groups = Array.from({ length: 8 }, (_, at) => Number((value >> BigInt(112 - at * 16)) & 0xffffn));
  let [start, length] = [0, 1];
  for (let at = 0; at < 8; at += 1) {
    let end = at;
    while (groups[end] === 0) end += 1;
    if (end - at > length) [start, length] = [at, end - at];
  }
  const text = (part: readonly number[]) => part.map((group) => group.toString(16)).join(":");
  if (length < 2) return text(groups);
  return `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`;
}

/** The sixteen octets in network order, as netlink carries them. */
export function ipv6Bytes(text: string): Uint8Array {
  const value = ipv6(text);
  return Uint8Array.from({ length: 16 }, (_, at) => Number((value >> BigInt(120 - at * 8)) & 0xffn));
}

/** The text of sixteen octets. */
export function ipv6Text(bytes: Uint8Array): string {
  return formatIpv6(bytes.reduce((value, octet) => (value << 8n) | BigInt(octet), 0n));
}

/** A block of IPv6 addresses. */
export interface Ipv6Block {
  readonly base: bigint;
  readonly prefixLength: number;
}

/** `fd00:1::/64` that was checked before; host bits are cut off. */
export function ipv6Block(text: string): Ipv6Block {
  const [address = "", length = "128"] = text.split("/");
  const prefixLength = Number(length);
  return { base: ipv6(address) & ~hostBits(prefixLength), prefixLength };
}

/** The last address of a block. */
export function lastOf6({ base, prefixLength }: Ipv6Block): bigint {
  return base | hostBits(prefixLength);
}

/** True when the blocks share an address. */
export function overlap6(one: Ipv6Block, other: Ipv6Block): boolean {
  return one.base <= lastOf6(other) && other.base <= lastOf6(one);
}

function hostBits(prefixLength: number): bigint {
  return (1n << BigInt(128 - prefixLength)) - 1n;
}

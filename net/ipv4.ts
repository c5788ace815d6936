/** IPv4 addresses as 32-bit unsigned numbers: plain arithmetic, because every container start needs it. */

/** `10.200.1.2` as a number, or undefined when it is not four decimal octets (no leading zeros, as inet_pton(3)). */
export function parseIpv4(text: string): number | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return undefined;
  let value = 0;
  for (const octet of match.slice(1)) {
    const number = Number(octet);
    if (number > 255 || String(number) !== octet) return undefined;
    value = value * 256 + number;
  }
  return value;
}

/** The number of an address that was checked before; throws for anything else: a programming error. */
export function ipv4(text: string): number {
  const value = parseIpv4(text);
  if (value === undefined) throw new Error(`not an IPv4 address: ${text}`);
  return value;
}

/** `10.200.1.2` for its number. */
export function formatIpv4(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
}

/** The four octets in network order, as netlink carries them. */
export function ipv4Bytes(text: string): Uint8Array {
  const value = ipv4(text);
  return Uint8Array.of(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
}

/** A block of addresses. */
export interface Ipv4Block {
  /** First address, as a number. */
  readonly base: number;
  readonly prefixLength: number;
}

/** `10.200.1.0/24` that was checked before; host bits are cut off. */
export function ipv4Block(text: string): Ipv4Block {
  const [address = "", length = "32"] = text.split("/");
  const prefixLength = Number(length);
  return { base: (ipv4(address) & maskOf(prefixLength)) >>> 0, prefixLength };
}

/** The last address of a block: the broadcast address of a subnet. */
export function lastOf(block: Ipv4Block): number {
  return (block.base | ~maskOf(block.prefixLength)) >>> 0;
}

/** True when the blocks share an address. */
export function overlap(one: Ipv4Block, other: Ipv4Block): boolean {
  return one.base <= lastOf(other) && other.base <= lastOf(one);
}

function maskOf(prefixLength: number): number {
  return prefixLength === 0 ? 0 : (0xffffffff << (32 - prefixLength)) >>> 0;
}

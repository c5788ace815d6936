import { ipv4Bytes, parseIpv4 } from "../ipv4.ts";
import { ipv6Bytes, parseIpv6 } from "../ipv6.ts";

/** The bytes of an address in network order, 4 or 16, without its zone (`%eth0`); undefined for what is none. */
export function addressBytes(text: string): Uint8Array | undefined {
  if (parseIpv4(text) !== undefined) return ipv4Bytes(text);
  const [plain = ""] = text.split("%", 1);
  return parseIpv6(plain) === undefined ? undefined : ipv6Bytes(plain);
}

/** One spelling for each address: what two of them are compared by. */
export function addressKey(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}

/** True when the first `length` bits of both are the same. */
export function hasPrefix(address: Uint8Array, prefix: Uint8Array, length: number): boolean {
  if (address.length !== prefix.length) return false;
  return address.every((byte, at) => {
    const bits = Math.min(Math.max(length - at * 8, 0), 8);
    return (byte ^ (prefix[at] ?? 0)) >> (8 - bits) === 0;
  });
}

/**
 * The address that a reverse name stands for: `2.1.200.10.in-addr.arpa` (RFC 1035, 3.5) or 32 digits under ip6.arpa
 * (RFC 3596, 2.5). Undefined for any other name, a part of an address too.
 */
export function reversedAddress(name: string): Uint8Array | undefined {
  const four = /^([\d.]+)\.in-addr\.arpa$/.exec(name)?.[1];
  if (four !== undefined) {
    const text = four.split(".").reverse().join(".");
    return parseIpv4(text) === undefined ? undefined : ipv4Bytes(text);
  }
  const six = /^((?:[0-9a-f]\.){32})ip6\.arpa$/.exec(name)?.[1];
  if (six === undefined) return undefined;
  return Uint8Array.from(Buffer.from(six.replaceAll(".", "").split("").reverse().join(""), "hex"));
}

import { ipv6Text } from "../../ipv6.ts";
import { formatMac } from "../../netlink/mac.ts";
import type { Bytes } from "./bytes.ts";

/** Four octets as `10.200.1.2`. */
export function ipv4At(bytes: Bytes, at: number): string {
  return bytes.raw(at, 4).join(".");
}

/** Sixteen octets as RFC 5952 has them. */
export function ipv6At(bytes: Bytes, at: number): string {
  return ipv6Text(bytes.raw(at, 16));
}

/** Six octets as `02:42:0a:c8:01:02`. */
export function macAt(bytes: Bytes, at: number): string {
  return formatMac(bytes.raw(at, 6));
}

/** Text from a packet, harmless on a terminal. */
export function printable(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) =>
    byte > 0x20 && byte < 0x7f && byte !== 0x5c
      ? String.fromCharCode(byte)
      : `\\${String(byte).padStart(3, "0")}`,
  ).join("");
}

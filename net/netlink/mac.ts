import { ipv4Bytes } from "../ipv4.ts";

/** `02:42:0a:c8:01:02` as six bytes; throws for anything else: user input is checked by {@link isMac} before. */
export function macBytes(mac: string): Uint8Array {
  if (!isMac(mac)) throw new Error(`not a MAC address: ${mac}`);
  return Uint8Array.from(mac.split(":"), (octet) => Number.parseInt(octet, 16));
}

/** Bytes as `02:42:0a:c8:01:02`. */
export function formatMac(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":");
}

/** Six hexadecimal octets with colons. */
export function isMac(text: string): boolean {
  return /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text);
}

/** MAC that belongs to an address: `02:42` (locally administered) and its octets, the same whoever has the address. */
export function macOf(address: string): string {
  return formatMac(Uint8Array.of(0x02, 0x42, ...ipv4Bytes(address)));
}

import { formatIpv4, ipv4, ipv4Bytes } from "../ipv4.ts";
import { ipv6Bytes, ipv6Text } from "../ipv6.ts";
import type { Attributes } from "./attribute.ts";
import { NetlinkFormatError } from "./format-error.ts";

/** Address families of include/linux/socket.h. */
export const AF_INET = 2;
export const AF_INET6 = 10;

export type Family = typeof AF_INET | typeof AF_INET6;

/** The family that an address is written in. */
export function familyOf(address: string): Family {
  return address.includes(":") ? AF_INET6 : AF_INET;
}

/** The octets of an address of either family, as netlink carries them. */
export function ipBytes(address: string): Uint8Array {
  return familyOf(address) === AF_INET6 ? ipv6Bytes(address) : ipv4Bytes(address);
}

/** The family at the beginning of a struct. @throws NetlinkFormatError when it is neither of the two. */
export function readFamily(family: number, what: string): Family {
  if (family === AF_INET || family === AF_INET6) return family;
  throw new NetlinkFormatError(what, "2 (AF_INET) or 10 (AF_INET6)", String(family));
}

/** An attribute with an address of that family. @throws NetlinkFormatError when it has another size. */
export function ipAttribute(
  attributes: Attributes,
  type: number,
  name: string,
  family: Family,
): string | undefined {
  const value = attributes.bytes(type);
  if (value === undefined) return undefined;
  const size = family === AF_INET ? 4 : 16;
  if (value.length !== size) throw new NetlinkFormatError(name, `${size} bytes`, `${value.length}`);
  return family === AF_INET ? formatIpv4(ipv4(value.join("."))) : ipv6Text(value);
}

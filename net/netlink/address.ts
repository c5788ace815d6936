import { formatIpv4, ipv4, ipv4Block, ipv4Bytes, lastOf } from "../ipv4.ts";
import { Attributes, bytes, joined } from "./attribute.ts";
import { NetlinkFormatError } from "./format-error.ts";
import { type NetlinkRequest, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, structView } from "./message.ts";

const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const RTM_GETADDR = 22;
export const AF_INET = 2;

/** IFA_* of include/uapi/linux/if_addr.h. */
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_LABEL = 3;
const IFA_BROADCAST = 4;

/** struct ifaddrmsg: family u8@0 · prefixlen u8@1 · flags u8@2 · scope u8@3 · index u32@4. */
const IFADDRMSG_SIZE = 8;

/** An IPv4 address on a link. */
export interface LinkAddress {
  /** Index of the link. */
  readonly link: number;
  readonly address: string;
  readonly prefixLength: number;
}

function ifaddrmsg(prefixLength: number, link: number): Uint8Array {
  const struct = Uint8Array.of(AF_INET, prefixLength, 0, 0, 0, 0, 0, 0);
  new DataView(struct.buffer).setUint32(4, link, true);
  return struct;
}

function change(type: number, name: string, flags: number, it: LinkAddress): NetlinkRequest {
  const { address, prefixLength } = it;
  const broadcast = formatIpv4(lastOf(ipv4Block(`${address}/${prefixLength}`)));
  const parts = [
    ifaddrmsg(prefixLength, it.link),
    bytes(IFA_LOCAL, ipv4Bytes(address)),
    bytes(IFA_ADDRESS, ipv4Bytes(address)),
    // A /31 or /32 has no broadcast address.
    ...(prefixLength < 31 ? [bytes(IFA_BROADCAST, ipv4Bytes(broadcast))] : []),
  ];
  return { type, flags, payload: joined(parts), what: `${name} ${address}/${prefixLength}`, change: true };
}

/** Gives a link an address. EEXIST when it has it. */
export function newAddress(address: LinkAddress): NetlinkRequest {
  return change(RTM_NEWADDR, "RTM_NEWADDR", NLM_F_CREATE | NLM_F_EXCL, address);
}

/** Takes an address from a link. EADDRNOTAVAIL when it has none such. */
export function deleteAddress(address: LinkAddress): NetlinkRequest {
  return change(RTM_DELADDR, "RTM_DELADDR", 0, address);
}

/** Asks for the IPv4 addresses of one link, or of all (0). */
export function dumpAddresses(link = 0): NetlinkRequest {
  const payload = ifaddrmsg(0, link);
  return { type: RTM_GETADDR, flags: NLM_F_DUMP, payload, what: "RTM_GETADDR", change: false };
}

/** Reads the payload of an IPv4 RTM_NEWADDR. @throws NetlinkFormatError for anything else. */
export function parseAddress(payload: Uint8Array): LinkAddress & { readonly label?: string | undefined } {
  const view = structView(payload, IFADDRMSG_SIZE, "struct ifaddrmsg");
  if (view.getUint8(0) !== AF_INET) {
    throw new NetlinkFormatError("ifa_family", "2 (AF_INET)", String(view.getUint8(0)));
  }
  const attributes = new Attributes(payload.subarray(IFADDRMSG_SIZE), "RTM_NEWADDR");
  return {
    link: view.getUint32(4, true),
    // Point-to-point links have their own address in IFA_LOCAL and the other's in IFA_ADDRESS.
    address: ipv4Attribute(attributes, IFA_LOCAL, "IFA_LOCAL") ?? required(attributes),
    prefixLength: view.getUint8(1),
    label: attributes.text(IFA_LABEL),
  };
}

function required(attributes: Attributes): string {
  const address = ipv4Attribute(attributes, IFA_ADDRESS, "IFA_ADDRESS");
  if (address === undefined)
    throw new NetlinkFormatError("RTM_NEWADDR", "IFA_LOCAL or IFA_ADDRESS", "neither");
  return address;
}

/** An attribute of four octets as `10.200.1.2`. @throws NetlinkFormatError when it has another size. */
export function ipv4Attribute(attributes: Attributes, type: number, name: string): string | undefined {
  const value = attributes.bytes(type);
  if (value === undefined) return undefined;
  if (value.length !== 4) throw new NetlinkFormatError(name, "4 bytes", `${value.length}`);
  return formatIpv4(ipv4(value.join(".")));
}

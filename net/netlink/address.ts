import { formatIpv4, ipv4Block, ipv4Bytes, lastOf } from "../ipv4.ts";
import { Attributes, bytes, joined } from "./attribute.ts";
import { NetlinkFormatError } from "./format-error.ts";
import { AF_INET, AF_INET6, type Family, familyOf, ipAttribute, ipBytes, readFamily } from "./ip.ts";
import { type NetlinkRequest, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, structView } from "./message.ts";

const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const RTM_GETADDR = 22;

/** IFA_* of include/uapi/linux/if_addr.h. */
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_LABEL = 3;
const IFA_BROADCAST = 4;
/** Usable at once: nobody is asked whether he has it already (RFC 4862, 5.4). */
const IFA_F_NODAD = 0x02;

/** struct ifaddrmsg: family u8@0 · prefixlen u8@1 · flags u8@2 · scope u8@3 · index u32@4. */
const IFADDRMSG_SIZE = 8;

/** An IPv4 or IPv6 address on a link. */
export interface LinkAddress {
  /** Index of the link. */
  readonly link: number;
  readonly address: string;
  readonly prefixLength: number;
}

function ifaddrmsg(family: Family, prefixLength: number, link: number, flags = 0): Uint8Array {
  const struct = Uint8Array.of(family, prefixLength, flags, 0, 0, 0, 0, 0);
  new DataView(struct.buffer).setUint32(4, link, true);
  return struct;
}

function change(type: number, name: string, flags: number, it: LinkAddress): NetlinkRequest {
  const { address, prefixLength } = it;
  const family = familyOf(address);
  const parts = [
    ifaddrmsg(family, prefixLength, it.link, family === AF_INET6 ? IFA_F_NODAD : 0),
    bytes(IFA_LOCAL, ipBytes(address)),
    bytes(IFA_ADDRESS, ipBytes(address)),
    ...broadcastOf(address, prefixLength),
  ];
  return { type, flags, payload: joined(parts), what: `${name} ${address}/${prefixLength}`, change: true };
}

function broadcastOf(address: string, prefixLength: number): Uint8Array[] {
  // Neither IPv6 nor a /31 or /32 has a broadcast address.
  if (familyOf(address) === AF_INET6 || prefixLength >= 31) return [];
  const broadcast = formatIpv4(lastOf(ipv4Block(`${address}/${prefixLength}`)));
  return [bytes(IFA_BROADCAST, ipv4Bytes(broadcast))];
}

/** Gives a link an address. EEXIST when it has it. */
export function newAddress(address: LinkAddress): NetlinkRequest {
  return change(RTM_NEWADDR, "RTM_NEWADDR", NLM_F_CREATE | NLM_F_EXCL, address);
}

/** Takes an address from a link. EADDRNOTAVAIL when it has none such. */
export function deleteAddress(address: LinkAddress): NetlinkRequest {
  return change(RTM_DELADDR, "RTM_DELADDR", 0, address);
}

/** Asks for the addresses of one family: of one link, or of all (0). */
export function dumpAddresses(link = 0, family: Family = AF_INET): NetlinkRequest {
  const payload = ifaddrmsg(family, 0, link);
  return { type: RTM_GETADDR, flags: NLM_F_DUMP, payload, what: "RTM_GETADDR", change: false };
}

/** Reads the payload of an RTM_NEWADDR. @throws NetlinkFormatError for anything else. */
export function parseAddress(payload: Uint8Array): LinkAddress & { readonly label?: string | undefined } {
  const view = structView(payload, IFADDRMSG_SIZE, "struct ifaddrmsg");
  const family = readFamily(view.getUint8(0), "ifa_family");
  const attributes = new Attributes(payload.subarray(IFADDRMSG_SIZE), "RTM_NEWADDR");
  return {
    link: view.getUint32(4, true),
    // Point-to-point links have their own address in IFA_LOCAL and the other's in IFA_ADDRESS.
    address:
      ipAttribute(attributes, IFA_LOCAL, "IFA_LOCAL", family) ??
      ipAttribute(attributes, IFA_ADDRESS, "IFA_ADDRESS", family) ??
      missing(),
    prefixLength: view.getUint8(1),
    label: attributes.text(IFA_LABEL),
  };
}

function missing(): never {
  throw new NetlinkFormatError("RTM_NEWADDR", "IFA_LOCAL or IFA_ADDRESS", "neither");
}

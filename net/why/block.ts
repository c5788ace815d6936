import { ipv4, ipv4Block, lastOf, parseIpv4 } from "../ipv4.ts";
import { ipv6, ipv6Block, lastOf6, parseIpv6 } from "../ipv6.ts";

/** True for an IPv4 or IPv6 address, without a prefix length or zone. */
export function isAddress(text: string): boolean {
  return parseIpv4(text) !== undefined || parseIpv6(text) !== undefined;
}

/** `/255.255.0.0` as `/16`, which some versions of iptables print. */
function plainLength(block: string): string {
  const [address = "", length] = block.split("/");
  const mask = length === undefined ? undefined : parseIpv4(length);
  if (mask === undefined) return block;
  return `${address}/${mask.toString(2).replace(/0+$/, "").length}`;
}

/** True when the address is of the block `10.0.0.0/8`, of the other family never; a block without a length is one address. */
export function isInBlock(address: string, block: string): boolean {
  if (address.includes(":") !== block.includes(":")) return false;
  if (address.includes(":")) {
    const six = ipv6Block(block);
    const value = ipv6(address);
    return value >= six.base && value <= lastOf6(six);
  }
  const four = ipv4Block(plainLength(block));
  const value = ipv4(address);
  return value >= four.base && value <= lastOf(four);
}

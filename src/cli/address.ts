import { parseIpv4 } from "../../net/ipv4.ts";

/** True for an IPv4 or IPv6 address as inet_pton(3) takes it. */
export function isAddress(text: string): boolean {
  if (parseIpv4(text) !== undefined) return true;
  // node:net would cost a millisecond of every start; the URL parser is there already.
  return /^[0-9a-f:.]+$/i.test(text) && text.includes(":") && URL.canParse(`http://[${text}]/`);
}

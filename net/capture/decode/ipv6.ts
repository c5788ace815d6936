import { ipv6At } from "./address.ts";
import type { Bytes } from "./bytes.ts";
import type { Context } from "./context.ts";
import { decodeTransport } from "./transport.ts";

const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const DESTINATION = 60;
/** More extension headers than any packet has. */
const most = 8;

/** RFC 8200: version u32@0 · payload length u16@4 · next header u8@6 · hop limit u8@7 · source@8 · destination@24. */
export function decodeIpv6(bytes: Bytes, context: Context): string {
  const [source, destination] = [ipv6At(bytes, 8), ipv6At(bytes, 24)];
  const length = bytes.u16(4);
  let size = length === 0 ? bytes.length - 40 : length;
  let protocol = bytes.u8(6);
  let at = 40;
  for (let count = 0; count < most; count += 1) {
    if (protocol === FRAGMENT) {
      const offset = bytes.u16(at + 2) & 0xfff8;
      const ends = `${context.who(source)} > ${context.who(destination)}`;
      if (offset > 0) return `${ends} ip6 fragment of ${bytes.u32(at + 4)} at ${offset} length ${size - 8}`;
    } else if (protocol !== HOP_BY_HOP && protocol !== ROUTING && protocol !== DESTINATION) break;
    // An extension header begins with what follows it, and its length in units of 8 beyond the first.
    const header = protocol === FRAGMENT ? 8 : (bytes.u8(at + 1) + 1) * 8;
    protocol = bytes.u8(at);
    at += header;
    size -= header;
  }
  return decodeTransport(bytes.from(at, size), { source, destination, protocol, size }, context);
}

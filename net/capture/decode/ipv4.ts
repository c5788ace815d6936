import { ipv4At } from "./address.ts";
import type { Bytes } from "./bytes.ts";
import type { Context } from "./context.ts";
import { decodeTransport } from "./transport.ts";

/**
 * RFC 791: version and header length u8@0 · total length u16@2 · id u16@4 · flags and offset u16@6 · ttl u8@8 ·
 * protocol u8@9 · source@12 · destination@16.
 */
export function decodeIpv4(bytes: Bytes, context: Context): string {
  const header = (bytes.u8(0) & 0xf) * 4;
  const total = bytes.u16(2);
  const [source, destination] = [ipv4At(bytes, 12), ipv4At(bytes, 16)];
  const ends = `${context.who(source)} > ${context.who(destination)}`;
  if (header < 20) return `${ends} ip bad header length ${header}`;
  const fragment = bytes.u16(6);
  const offset = (fragment & 0x1fff) * 8;
  // Segments that are still to be cut have no length in their header.
  const size = total === 0 ? bytes.length - header : total - header;
  const protocol = bytes.u8(9);
  if (offset > 0) return `${ends} ip fragment of ${bytes.u16(4)} at ${offset} length ${size}`;
  const more = (fragment & 0x2000) === 0 ? "" : ` fragment of ${bytes.u16(4)} at 0`;
  return decodeTransport(bytes.from(header, size), { source, destination, protocol, size }, context) + more;
}

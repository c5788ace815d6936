import type { Bytes } from "./bytes.ts";
import { type Context, withPort } from "./context.ts";
import { decodeDhcp, decodeDhcpv6 } from "./dhcp.ts";
import { decodeDns } from "./dns.ts";
import type { Carried } from "./transport.ts";

const headerSize = 8;

function payloadOf(bytes: Bytes, ports: readonly number[], context: Context): string | undefined {
  const has = (...wanted: readonly number[]): boolean => ports.some((port) => wanted.includes(port));
  const payload = bytes.from(headerSize);
  if (has(53, 5353, 5355)) return decodeDns(payload, context);
  if (has(67, 68)) return decodeDhcp(payload, context);
  if (has(546, 547)) return decodeDhcpv6(payload);
  if (ports[1] === 4789) return "vxlan";
  return ports[1] === 51820 ? "wireguard" : undefined;
}

/** RFC 768: source port u16@0 · destination port u16@2 · length u16@4 · checksum u16@6. */
export function decodeUdp(bytes: Bytes, { source, destination, size }: Carried, context: Context): string {
  const ports = [bytes.u16(0), bytes.u16(2)] as const;
  const ends = `${withPort(context, source, ports[0])} > ${withPort(context, destination, ports[1])}`;
  const length = Math.max(0, size - headerSize);
  const payload = length === 0 ? undefined : payloadOf(bytes, ports, context);
  return payload === undefined ? `${ends} udp len ${length}` : `${ends} udp len ${length} ${payload}`;
}

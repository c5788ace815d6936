import { ipv4At } from "./address.ts";
import type { Bytes } from "./bytes.ts";
import type { Context } from "./context.ts";
import type { Carried } from "./transport.ts";

const unreachable: Readonly<Record<number, string>> = {
  0: "net",
  1: "host",
  2: "protocol",
  3: "port",
  4: "fragmentation needed",
  9: "net prohibited",
  10: "host prohibited",
  13: "admin prohibited",
};

/** The packet that an error is about, which it carries: IPv4 header, then the ports. */
function aboutOf(bytes: Bytes, { who }: Context): string {
  const header = (bytes.u8(0) & 0xf) * 4;
  const protocol = bytes.u8(9);
  const destination = who(ipv4At(bytes, 16));
  if ((protocol !== 6 && protocol !== 17) || bytes.length < header + 4) return destination;
  return `${destination} ${protocol === 6 ? "tcp" : "udp"} port ${bytes.u16(header + 2)}`;
}

/** RFC 792: type u8@0 · code u8@1 · checksum u16@2 · the rest by type. */
export function decodeIcmp(bytes: Bytes, { source, destination, size }: Carried, context: Context): string {
  const { who } = context;
  const line = `${who(source)} > ${who(destination)} icmp`;
  const [type, code] = [bytes.u8(0), bytes.u8(1)];
  switch (type) {
    case 0:
    case 8:
      return `${line} echo ${type === 8 ? "request" : "reply"} id ${bytes.u16(4)} seq ${bytes.u16(6)} len ${size}`;
    case 3: {
      const mtu = code === 4 ? ` mtu ${bytes.u16(6)}` : "";
      return `${line} unreachable: ${unreachable[code] ?? `code ${code}`}${mtu}: ${aboutOf(bytes.from(8), context)}`;
    }
    case 5:
      return `${line} redirect to ${who(ipv4At(bytes, 4))}: ${aboutOf(bytes.from(8), context)}`;
    case 11:
      return `${line} time exceeded${code === 1 ? " in reassembly" : ""}: ${aboutOf(bytes.from(8), context)}`;
    default:
      return `${line} type ${type} code ${code} len ${size}`;
  }
}

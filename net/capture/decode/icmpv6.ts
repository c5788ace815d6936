import { ipv6At, macAt } from "./address.ts";
import type { Bytes } from "./bytes.ts";
import type { Context } from "./context.ts";
import type { Carried } from "./transport.ts";

const unreachable: Readonly<Record<number, string>> = {
  0: "no route",
  1: "admin prohibited",
  2: "beyond scope",
  3: "address",
  4: "port",
};

/** The link-layer address among the options of neighbour discovery: source (1) or target (2). */
function linkAddress(bytes: Bytes, from: number): string | undefined {
  for (let at = from; at + 8 <= bytes.length; ) {
    const [kind, units] = [bytes.u8(at), bytes.u8(at + 1)];
    if (units === 0) return undefined;
    if (kind === 1 || kind === 2) return macAt(bytes, at + 2);
    at += units * 8;
  }
  return undefined;
}

/** RFC 4443 and RFC 4861: type u8@0 · code u8@1 · checksum u16@2 · the rest by type. */
export function decodeIcmpv6(bytes: Bytes, { source, destination, size }: Carried, context: Context): string {
  const { who } = context;
  const line = `${who(source)} > ${who(destination)} icmp6`;
  const [type, code] = [bytes.u8(0), bytes.u8(1)];
  const about = (): string => (bytes.length >= 48 ? `: ${who(ipv6At(bytes, 32))}` : "");
  switch (type) {
    case 1:
      return `${line} unreachable: ${unreachable[code] ?? `code ${code}`}${about()}`;
    case 2:
      return `${line} packet too big mtu ${bytes.u32(4)}${about()}`;
    case 3:
      return `${line} time exceeded${about()}`;
    case 128:
    case 129:
      return `${line} echo ${type === 128 ? "request" : "reply"} id ${bytes.u16(4)} seq ${bytes.u16(6)} len ${size}`;
    case 130:
    case 131:
    case 132:
    case 143:
      return `${line} multicast listener ${type === 130 ? "query" : type === 132 ? "done" : "report"}`;
    case 133:
      return `${line} router solicitation`;
    case 134:
      return `${line} router advertisement lifetime ${bytes.u16(6)}s`;
    case 135:
      return `${line} neighbour who has ${who(ipv6At(bytes, 8))}?`;
    case 136: {
      const mac = linkAddress(bytes, 24);
      return `${line} neighbour ${who(ipv6At(bytes, 8))} is ${mac === undefined ? "there" : `at ${mac}`}`;
    }
    default:
      return `${line} type ${type} code ${code} len ${size}`;
  }
}

import type { Bytes } from "./bytes.ts";
import type { Context } from "./context.ts";
import { decodeIcmp } from "./icmp.ts";
import { decodeIcmpv6 } from "./icmpv6.ts";
import { decodeTcp } from "./tcp.ts";
import { decodeUdp } from "./udp.ts";

/** What a packet of IP says of what it carries. */
export interface Carried {
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  /** Bytes, as the header says: more than there are, where the packet was cut off. */
  readonly size: number;
}

const names: Readonly<Record<number, string>> = {
  2: "igmp",
  4: "ipip",
  41: "ip6-in-ip",
  47: "gre",
  50: "esp",
  51: "ah",
  89: "ospf",
  112: "vrrp",
  132: "sctp",
};

/** What IP carries, of either version. */
export function decodeTransport(bytes: Bytes, carried: Carried, context: Context): string {
  const { source, destination, protocol, size } = carried;
  switch (protocol) {
    case 1:
      return decodeIcmp(bytes, carried, context);
    case 6:
      return decodeTcp(bytes, carried, context);
    case 17:
      return decodeUdp(bytes, carried, context);
    case 58:
      return decodeIcmpv6(bytes, carried, context);
    default: {
      const name = names[protocol] ?? `protocol ${protocol}`;
      return `${context.who(source)} > ${context.who(destination)} ${name} length ${size}`;
    }
  }
}

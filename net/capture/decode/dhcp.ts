import { ipv4At, macAt } from "./address.ts";
import type { Bytes } from "./bytes.ts";
import type { Context } from "./context.ts";

const kinds = ["discover", "offer", "request", "decline", "ack", "nak", "release", "inform"];
const kinds6 = [
  ...["solicit", "advertise", "request", "confirm", "renew", "rebind", "reply", "release", "decline"],
  ...["reconfigure", "information-request", "relay-forward", "relay-reply"],
];
const magic = 0x63825363;

/** The value of the option 53, DHCP message type (RFC 2132). */
function kindOf(bytes: Bytes): number | undefined {
  for (let at = 240; at < bytes.length; ) {
    const option = bytes.u8(at);
    if (option === 255) return undefined;
    if (option === 53) return bytes.u8(at + 2);
    at += option === 0 ? 1 : 2 + bytes.u8(at + 1);
  }
  return undefined;
}

/** RFC 2131: operation u8@0 · transaction u32@4 · your address@16 · client's MAC@28 · magic u32@236 · options@240. */
export function decodeDhcp(bytes: Bytes, { who }: Context): string {
  if (bytes.u32(236) !== magic) return `bootp ${bytes.u8(0) === 1 ? "request" : "reply"}`;
  const kind = kindOf(bytes);
  const yours = ipv4At(bytes, 16);
  const address = yours === "0.0.0.0" ? "" : ` address ${who(yours)}`;
  const name = kind === undefined ? "without a type" : (kinds[kind - 1] ?? `type ${kind}`);
  return `dhcp ${name} client ${macAt(bytes, 28)}${address}`;
}

/** RFC 8415: type u8@0 · transaction u24@1. */
export function decodeDhcpv6(bytes: Bytes): string {
  const type = bytes.u8(0);
  return `dhcp6 ${kinds6[type - 1] ?? `type ${type}`}`;
}

import { hasErrno } from "../../src/core/errors.ts";
import { Attributes } from "../netlink/attribute.ts";
import type { NetlinkClient } from "../netlink/client.ts";
import { NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL } from "../netlink/message.ts";

/*
 * What the kernel takes off a link that is set down, and does not bring back when it comes up again: its IPv6 addresses,
 * and all routes by it that are not the kernel's own. It is kept as the kernel tells it, message by message, and told again.
 */
const RTM_NEWADDR = 20;
const RTM_GETADDR = 22;
const RTM_NEWROUTE = 24;
const RTM_GETROUTE = 26;
const AF_INET = 2;
const AF_INET6 = 10;
const RT_SCOPE_LINK = 253;
const RTA_OIF = 4;
/** RTPROT_KERNEL and RTPROT_RA: they come back by themselves. */
const comesBack: ReadonlySet<number> = new Set([2, 9]);

/** A message that brings one thing back: its type, and its payload in hexadecimal digits. */
export interface LostMessage {
  readonly type: number;
  readonly payload: string;
}

function dump(client: NetlinkClient, type: number, family: number, size: number): Uint8Array[] {
  const payload = new Uint8Array(size);
  payload[0] = family;
  const what = type === RTM_GETADDR ? "RTM_GETADDR" : "RTM_GETROUTE";
  return client.dump({ type, flags: NLM_F_DUMP, payload, what, change: false });
}

/** struct ifaddrmsg: family u8@0 · prefix length u8@1 · flags u8@2 · scope u8@3 · index u32@4. */
function addressesOf(client: NetlinkClient, link: number): LostMessage[] {
  return dump(client, RTM_GETADDR, AF_INET6, 8)
    .filter((payload) => {
      const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
      return payload[0] === AF_INET6 && view.getUint32(4, true) === link && payload[3] !== RT_SCOPE_LINK;
    })
    .map((payload) => ({ type: RTM_NEWADDR, payload: Buffer.from(payload).toString("hex") }));
}

/** struct rtmsg: family, prefix lengths, tos, table, protocol, scope, type u8 each @0 to @7 · flags u32@8. */
function routesOf(client: NetlinkClient, link: number, family: number): LostMessage[] {
  return dump(client, RTM_GETROUTE, family, 12)
    .filter((payload) => {
      if (payload[0] !== family || comesBack.has(payload[5] ?? 0)) return false;
      return new Attributes(payload.subarray(12), "RTM_NEWROUTE").u32(RTA_OIF) === link;
    })
    .map((payload) => {
      const again = Buffer.from(payload);
      // They tell of the moment, as that the link is down: no route may be made with them.
      again.fill(0, 8, 12);
      return { type: RTM_NEWROUTE, payload: again.toString("hex") };
    });
}

/** All that a link would lose. */
export function losable(client: NetlinkClient, link: number): LostMessage[] {
  const routes = [AF_INET, AF_INET6].flatMap((family) => routesOf(client, link, family));
  return [...addressesOf(client, link), ...routes];
}

/** Brings back what a link has lost; what is there already, or has become impossible, is left. */
export function bringBack(client: NetlinkClient, lost: readonly LostMessage[]): void {
  // Twice: a route by a gateway may come before the one that leads to the gateway.
  for (let round = 0; round < 2; round += 1) {
    for (const { type, payload } of lost) {
      try {
        client.change({
          type,
          flags: NLM_F_CREATE | NLM_F_EXCL,
          payload: Buffer.from(payload, "hex"),
          what: type === RTM_NEWADDR ? "RTM_NEWADDR" : "RTM_NEWROUTE",
          change: true,
        });
      } catch (error) {
        if (!hasErrno(error, "EEXIST", "ENETUNREACH", "EHOSTUNREACH", "EINVAL", "ENODEV", "ENETDOWN"))
          throw error;
      }
    }
  }
}

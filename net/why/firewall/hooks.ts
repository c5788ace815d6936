import { isOwn } from "../facts.ts";
import type { Flow } from "../flow.ts";
import type { Station } from "../station.ts";
import type { Packet } from "./packet.ts";

/** What a hook knows of a packet beside its addresses. */
export interface HookView {
  readonly incoming?: string | undefined;
  readonly outgoing?: string | undefined;
  readonly portIn?: string | undefined;
  readonly portOut?: string | undefined;
  readonly answer: boolean;
  /** As it was before its destination was translated here. */
  readonly translated?: Flow | undefined;
}

/** A packet as the rules of a station see it. */
export function hookPacket({ facts }: Station, flow: Flow, view: HookView): Packet {
  return { ...flow, ...view, isLocal: (address) => isOwn(facts, address) };
}

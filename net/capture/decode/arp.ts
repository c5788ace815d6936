import { ipv4At, macAt } from "./address.ts";
import type { Bytes } from "./bytes.ts";
import type { Context } from "./context.ts";

/**
 * RFC 826: hardware u16@0 · protocol u16@2 · sizes u8@4 u8@5 · operation u16@6 · sender's MAC@8 and address@14 · target's
 * MAC@18 and address@24.
 */
export function decodeArp(bytes: Bytes, { who }: Context): string {
  const operation = bytes.u16(6);
  if (bytes.u16(2) !== 0x0800 || bytes.u8(4) !== 6 || bytes.u8(5) !== 4) return `arp operation ${operation}`;
  const [sender, target] = [ipv4At(bytes, 14), ipv4At(bytes, 24)];
  if (operation === 1) {
    return sender === target
      ? `arp announce ${who(sender)} is at ${macAt(bytes, 8)}`
      : `arp who has ${who(target)}? tell ${who(sender)}`;
  }
  if (operation === 2) return `arp reply ${who(sender)} is at ${macAt(bytes, 8)}`;
  return `arp operation ${operation} from ${who(sender)} for ${who(target)}`;
}

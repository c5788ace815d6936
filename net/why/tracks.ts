import { formatIpv4 } from "../ipv4.ts";
import { ipv6Text } from "../ipv6.ts";

/** By what a packet of the probe is known wherever it goes by: addresses may be translated on the way. */
export interface Mark {
  readonly protocol: "icmp" | "tcp" | "udp";
  /** The echo's id, or the sender's port. */
  readonly number: number;
}

/** Addresses and direction of a packet of the probe. */
export interface Track {
  readonly source: string;
  readonly destination: string;
  readonly answer: boolean;
  /** An ICMP error: of which type and code. */
  readonly error?: string | undefined;
}

const numbers = { 1: "icmp", 58: "icmp", 6: "tcp", 17: "udp" } as const;

/** Reads a packet from its network header on; undefined when it does not belong to the probe. */
export function readTrack(packet: Buffer, mark: Mark): Track | undefined {
  const version = (packet[0] ?? 0) >>> 4;
  if (version === 4 && packet.length >= 20) {
    const start = ((packet[0] ?? 0) & 15) * 4;
    const addresses = {
      source: formatIpv4(packet.readUInt32BE(12)),
      destination: formatIpv4(packet.readUInt32BE(16)),
    };
    return transport(packet, { start, protocol: packet[9] ?? 0, addresses }, mark);
  }
  if (version === 6 && packet.length >= 40) {
    const addresses = {
      source: ipv6Text(packet.subarray(8, 24)),
      destination: ipv6Text(packet.subarray(24, 40)),
    };
    return transport(packet, { start: 40, protocol: packet[6] ?? 0, addresses }, mark);
  }
  return undefined;
}

interface Inner {
  readonly start: number;
  readonly protocol: number;
  readonly addresses: { readonly source: string; readonly destination: string };
}

function transport(packet: Buffer, { start, protocol, addresses }: Inner, mark: Mark): Track | undefined {
  if (packet.length < start + 8) return undefined;
  const name = numbers[protocol as keyof typeof numbers];
  if (name === "icmp") {
    const type = packet[start] ?? 0;
    const isError = protocol === 1 ? [3, 4, 5, 11, 12].includes(type) : type < 128;
    if (isError) {
      const inner = readTrack(packet.subarray(start + 8), mark);
      if (inner === undefined) return undefined;
      return { ...addresses, answer: !inner.answer, error: `type ${type} code ${packet[start + 1]}` };
    }
    if (mark.protocol !== "icmp") return undefined;
    const answer = type === 0 || type === 129;
    if (!answer && type !== 8 && type !== 128) return undefined;
    return packet.readUInt16BE(start + 4) === mark.number ? { ...addresses, answer } : undefined;
  }
  if (name !== mark.protocol) return undefined;
  if (packet.readUInt16BE(start) === mark.number) return { ...addresses, answer: false };
  return packet.readUInt16BE(start + 2) === mark.number ? { ...addresses, answer: true } : undefined;
}

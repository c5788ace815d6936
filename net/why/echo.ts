/** ICMP and ICMPv6 echo messages (RFC 792, RFC 4443): type u8@0 · code u8@1 · checksum be16@2 · id be16@4 · sequence be16@6. */

const HEADER = 8;

function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** An echo request of so many bytes, its header included. The kernel itself makes the checksum of ICMPv6. */
export function echoRequest(id: number, sequence: number, size: number, six: boolean): Uint8Array {
  const message = Buffer.alloc(Math.max(size, HEADER));
  message.writeUInt8(six ? 128 : 8, 0);
  message.writeUInt16BE(id, 4);
  message.writeUInt16BE(sequence, 6);
  if (!six) message.writeUInt16BE(checksum(message), 2);
  return message;
}

/** True for the answer to that request, as a raw socket receives it: for IPv4 with the IP header before it. */
export function isEchoReply(packet: Buffer, id: number, sequence: number, six: boolean): boolean {
  const start = six ? 0 : ((packet[0] ?? 0) & 15) * 4;
  if (packet.length < start + HEADER || packet[start] !== (six ? 129 : 0)) return false;
  return packet.readUInt16BE(start + 4) === id && packet.readUInt16BE(start + 6) === sequence;
}

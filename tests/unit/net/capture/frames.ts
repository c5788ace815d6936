/** Bytes from words of hexadecimal digits. */
export function unhex(...words: readonly string[]): Buffer {
  return Buffer.from(words.join("").replaceAll(" ", ""), "hex");
}

const macs = "02420ac80103 02420ac80102";

function ethernet(type: string, payload: Buffer): Buffer {
  return Buffer.concat([unhex(macs, type), payload]);
}

/** A frame with a packet of IPv4 from 10.200.1.2 to 10.200.1.3. */
export function ipv4Frame(protocol: number, payload: Buffer, fragment = 0): Buffer {
  const header = unhex("4500 0000 1234 0000 40 00 0000 0ac80102 0ac80103");
  header.writeUInt16BE(20 + payload.length, 2);
  header.writeUInt16BE(fragment, 6);
  header.writeUInt8(protocol, 9);
  return ethernet("0800", Buffer.concat([header, payload]));
}

/** A frame with a packet of IPv6 from fd00::2 to fd00::3. */
export function ipv6Frame(protocol: number, payload: Buffer): Buffer {
  const ends = ["2", "3"].map((last) => `fd00000000000000000000000000000${last}`);
  const header = unhex("60000000 0000", protocol.toString(16).padStart(2, "0"), "40", ...ends);
  header.writeUInt16BE(payload.length, 4);
  return ethernet("86dd", Buffer.concat([header, payload]));
}

export function arpFrame(operation: number, sender: string, target: string): Buffer {
  return ethernet(
    "0806",
    unhex(`0001 0800 06 04 000${operation}`, `02420ac80102 ${sender} 000000000000 ${target}`),
  );
}

export function udp(from: number, to: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt16BE(from, 0);
  header.writeUInt16BE(to, 2);
  header.writeUInt16BE(8 + payload.length, 4);
  return Buffer.concat([header, payload]);
}

/** What of a segment is not as in an empty one. */
interface Segment {
  readonly sequence?: number;
  readonly ack?: number;
  readonly flags?: number;
  readonly options?: string;
  readonly payload?: Buffer;
}

export function tcp(
  from: number,
  to: number,
  { sequence = 0, ack = 0, flags = 0, options = "", payload = Buffer.alloc(0) }: Segment,
): Buffer {
  const tail = unhex(options);
  const header = Buffer.alloc(20);
  header.writeUInt16BE(from, 0);
  header.writeUInt16BE(to, 2);
  header.writeUInt32BE(sequence, 4);
  header.writeUInt32BE(ack, 8);
  header.writeUInt8(((20 + tail.length) / 4) << 4, 12);
  header.writeUInt8(flags, 13);
  header.writeUInt16BE(64_240, 14);
  return Buffer.concat([header, tail, payload]);
}

/** A question for the addresses of `web.lan`. */
export const dnsQuery: Buffer = unhex("1234 0100 0001 0000 0000 0000", "03776562 036c616e 00 0001 0001");

/** Its answer: an alias, and the address of that, both with pointers. */
export const dnsAnswer: Buffer = unhex(
  "1234 8180 0001 0002 0000 0000",
  "03776562 036c616e 00 0001 0001",
  "c00c 0005 0001 00000000 0005 02 6462 c010",
  "c025 0001 0001 00000000 0004 0ac80103",
);

/** A request of DHCP for 10.200.1.9. */
export function dhcp(kind: number): Buffer {
  const message = Buffer.alloc(244);
  message.writeUInt8(1, 0);
  unhex("0ac80109").copy(message, 16);
  unhex("02420ac80102").copy(message, 28);
  unhex("63825363").copy(message, 236);
  unhex(`3501 0${kind} ff`).copy(message, 240);
  return message;
}

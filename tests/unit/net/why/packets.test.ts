import { expect, test } from "vitest";
import { echoRequest, isEchoReply } from "../../../../net/why/echo.ts";
import { parseListeners } from "../../../../net/why/listeners.ts";
import { readTrack } from "../../../../net/why/tracks.ts";

/** An IPv4 header of 20 bytes before `payload`. */
function ipv4(protocol: number, payload: Uint8Array): Buffer {
  const header = Buffer.from("450000000000000040000000c0000201c0000202", "hex");
  header[9] = protocol;
  return Buffer.concat([header, payload]);
}

test("an echo request has a right checksum, and its reply is known", () => {
  const request = Buffer.from(echoRequest(0x1234, 7, 64, false));
  let sum = 0;
  for (let at = 0; at < request.length; at += 2) sum += request.readUInt16BE(at);
  expect((sum & 0xffff) + (sum >>> 16)).toBe(0xffff);
  const reply = Buffer.from(request);
  reply[0] = 0;
  expect(isEchoReply(ipv4(1, reply), 0x1234, 7, false)).toBe(true);
  expect(isEchoReply(ipv4(1, reply), 0x1234, 8, false)).toBe(false);
  expect(isEchoReply(ipv4(1, request), 0x1234, 7, false)).toBe(false);
  expect(isEchoReply(Buffer.alloc(3), 0x1234, 7, false)).toBe(false);
});

test("packets of the probe are known wherever they go by", () => {
  const request = ipv4(1, echoRequest(5, 1, 16, false));
  const mark = { protocol: "icmp", number: 5 } as const;
  expect(readTrack(request, mark)).toEqual({ source: "192.0.2.1", destination: "192.0.2.2", answer: false });
  expect(readTrack(request, { ...mark, number: 6 })).toBeUndefined();
  const tcp = ipv4(6, Buffer.from("1f90c35000000000", "hex"));
  expect(readTrack(tcp, { protocol: "tcp", number: 0xc350 })).toMatchObject({ answer: true });
  expect(readTrack(tcp, { protocol: "udp", number: 0xc350 })).toBeUndefined();
  // Destination unreachable, with the packet that it is about.
  const error = ipv4(1, Buffer.concat([Buffer.from("0301000000000000", "hex"), request]));
  expect(readTrack(error, mark)).toMatchObject({ answer: true, error: "type 3 code 1" });
  expect(readTrack(Buffer.alloc(0), mark)).toBeUndefined();
});

test("sockets that wait, as /proc/PID/net lists them", () => {
  const text = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 0301C80A:0050 0201C80A:C350 01 00000000:00000000 00:00000000 00000000     0        0 2 1 0 100 0 0 10 0
   2: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 0
`;
  expect(parseListeners(text, "tcp")).toEqual([
    { protocol: "tcp", address: "127.0.0.1", port: 8080 },
    { protocol: "tcp", address: "::", port: 22 },
  ]);
});

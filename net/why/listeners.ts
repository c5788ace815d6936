import { readFileSync } from "node:fs";
import { hasErrno } from "../../src/core/errors.ts";
import { insideNetns } from "../../src/sys/namespaces.ts";
import { formatIpv4 } from "../ipv4.ts";
import { ipv6Text } from "../ipv6.ts";

/** A socket that waits for packets. */
export interface Listener {
  readonly protocol: "tcp" | "udp";
  /** `0.0.0.0` and `::` are every address. */
  readonly address: string;
  readonly port: number;
}

const TCP_LISTEN = "0A";
/** A UDP socket that is not connected (TCP_CLOSE). */
const UDP_OPEN = "07";

/** `0100007F` as `127.0.0.1`: 32-bit words in the host's byte order. */
function addressOf(hex: string): string {
  const words = (hex.match(/.{8}/g) ?? []).map((word) => Number.parseInt(word, 16));
  const bytes = new Uint8Array(words.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [at, word] of words.entries()) view.setUint32(at * 4, word, true);
  return bytes.length === 4 ? formatIpv4(new DataView(bytes.buffer).getUint32(0, false)) : ipv6Text(bytes);
}

/** Reads one file of /proc/PID/net: `sl local_address rem_address st ...`. */
export function parseListeners(text: string, protocol: Listener["protocol"]): Listener[] {
  const waiting = protocol === "tcp" ? TCP_LISTEN : UDP_OPEN;
  return text.split("\n").flatMap((line) => {
    const match = /^\s*\d+: ([0-9A-F]+):([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} ([0-9A-F]{2}) /.exec(line);
    if (match === null || match[3] !== waiting) return [];
    return [{ protocol, address: addressOf(match[1] ?? ""), port: Number.parseInt(match[2] ?? "", 16) }];
  });
}

/** The sockets of the network namespace `netns` (an open file of it) that wait for packets. */
export function collectListeners(netns: number): Listener[] {
  return insideNetns(netns, () =>
    (["tcp", "tcp6", "udp", "udp6"] as const).flatMap((file) => {
      try {
        const text = readFileSync(`/proc/thread-self/net/${file}`, "utf8");
        return parseListeners(text, file.startsWith("tcp") ? "tcp" : "udp");
      } catch (error) {
        if (hasErrno(error, "ENOENT")) return [];
        throw error;
      }
    }),
  );
}

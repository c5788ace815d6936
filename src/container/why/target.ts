import { isAddress } from "../../../net/why/block.ts";
import { UsageError } from "../../core/errors.ts";

/** What is to be reached, as it was written: `db`, `db:5432`, `10.200.1.3:53/udp`, `[fd00::2]:80`. */
export interface Target {
  readonly host: string;
  readonly port?: number | undefined;
  /** Echo requests where no port is asked for. */
  readonly protocol: "icmp" | "tcp" | "udp";
}

/** Reads a target. @throws UsageError */
export function parseTarget(text: string): Target {
  const refuse = (what: string): never => {
    throw new UsageError(
      `${JSON.stringify(text)}: ${what}: expected NAME, ADDRESS, NAME:PORT or NAME:PORT/udp`,
    );
  };
  const [, rest = "", word] = /^(.*?)(?:\/([^/]*))?$/.exec(text) ?? [];
  if (word !== undefined && word !== "tcp" && word !== "udp" && word !== "icmp") {
    refuse(`unknown protocol ${JSON.stringify(word)}`);
  }
  const bracketed = /^\[([^\]]+)\](?::(.*))?$/.exec(rest);
  const plain = isAddress(rest) ? [rest, rest] : /^([^:]*)(?::(.*))?$/.exec(rest);
  const [, host = "", port] = bracketed ?? plain ?? refuse("an IPv6 address with a port needs brackets");
  if (host === "") refuse("nothing to reach");
  if (port === undefined) {
    if (word !== undefined && word !== "icmp") refuse(`${word} needs a port`);
    return { host, protocol: "icmp" };
  }
  if (word === "icmp") refuse("icmp has no ports");
  if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65535)
    refuse(`port ${JSON.stringify(port)}: not 1 to 65535`);
  return { host, port: Number(port), protocol: word === "udp" ? "udp" : "tcp" };
}

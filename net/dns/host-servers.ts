import { parseResolvConf } from "../../src/core/resolv-conf.ts";
import { addressBytes } from "./address.ts";
import type { Server } from "./forwarder.ts";
import { FreshFile } from "./fresh-file.ts";

const dnsPort = 53;

/** Servers by their addresses; what is none is left out. */
export function serversAt(addresses: readonly string[]): Server[] {
  return addresses
    .filter((address) => addressBytes(address) !== undefined)
    .map((address) => ({ address, port: dnsPort }));
}

/**
 * The servers that the host itself asks, as its resolv.conf has them now. We ask from the host, so one on its loopback is
 * as good as any.
 */
export class HostServers {
  readonly #file: FreshFile<readonly Server[]>;

  constructor(path = "/etc/resolv.conf") {
    this.#file = new FreshFile(path, (text) => serversAt(parseResolvConf(text ?? "").nameservers));
  }

  list(): readonly Server[] {
    return this.#file.get();
  }
}

import { SetupError } from "../../src/core/errors.ts";
import type { Instance } from "../../src/core/paths.ts";
import { answerMessage } from "./answer.ts";
import { Forwarder, type Server } from "./forwarder.ts";
import { HostServers } from "./host-servers.ts";
import { Listener } from "./listener.ts";
import { answerOwn } from "./resolve.ts";
import { bindSockets } from "./sockets.ts";
import { Zones } from "./zones.ts";

/**
 * Answers the host at an address of its loopback: the names of all networks, and everything else by the other servers
 * that the host has.
 */
export class HostListener {
  readonly #forwarder = new Forwarder();
  readonly #listener: Listener;

  /** @throws SetupError when another program has the address. */
  constructor(instance: Instance, own: Server) {
    const { address, port } = own;
    const sockets = bindSockets(address, port);
    if (sockets === undefined)
      throw new SetupError(
        `--dns: port ${port} of ${address} cannot be had: another program has it, or this host has no such address`,
      );
    const zones = new Zones(instance);
    const servers = new HostServers();
    this.#listener = new Listener({ ...sockets, six: address.includes(":") }, (message, asker) =>
      answerMessage(
        message,
        asker,
        (query) => {
          zones.look();
          // Not ourselves: that would go on for ever.
          return answerOwn(query, zones.all()) ?? servers.list().filter((one) => !isSame(one, own));
        },
        this.#forwarder,
      ),
    );
    this.#listener.unref();
  }

  close(): void {
    this.#listener.close();
    this.#forwarder.close();
  }
}

/** True for two ways to name one place. */
export function isSame(one: Server, other: Server): boolean {
  return one.address === other.address && one.port === other.port;
}

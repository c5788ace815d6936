import { makeDirectories } from "../../src/core/make-directories.ts";
import type { Instance } from "../../src/core/paths.ts";
import { duplicate } from "../../src/sys/inet.ts";
import { watchPath } from "../../src/sys/path-watch.ts";
import { networkFile, networksFolder } from "../state.ts";
import { addressBytes } from "./address.ts";
import { answerMessage } from "./answer.ts";
import { Forwarder, type Server } from "./forwarder.ts";
import { isSame } from "./host-listener.ts";
import { HostServers, serversAt } from "./host-servers.ts";
import { type Asker, Listener, type Reply } from "./listener.ts";
import { type Answer, type Query, responseCode } from "./message.ts";
import { OwnAddresses } from "./own-addresses.ts";
import { answerOwn } from "./resolve.ts";
import { type AddressSockets, dropSockets, holdSockets, namesAddresses, socketsAt } from "./sockets.ts";
import type { Zone } from "./zone.ts";
import { Zones } from "./zones.ts";

/** An address that another process has is looked for again, first so soon; after so long it is none of us. In milliseconds. */
const patienceMs = 5_000;
const firstRetryMs = 25;

export interface NameServerOptions {
  /** Names the host's servers. Default: /etc/resolv.conf. */
  readonly resolvConf?: string | undefined;
  /** Where the host itself asks us: not to be asked for what containers may know. */
  readonly forHost?: Server | undefined;
  /** Hears of addresses that are no more, and whose sockets nobody is to keep. */
  readonly gone?: ((address: string) => void) | undefined;
  /** Hears of addresses whose port 53 another program has. */
  readonly taken?: ((address: string) => void) | undefined;
}

/**
 * Answers names at the gateway of every network of an instance that is up, and goes on doing so as networks come and go.
 * Runs in any process: all that it knows it reads from the state directory.
 */
export class NameServer {
  readonly #instance: Instance;
  readonly #gone: (address: string) => void;
  readonly #taken: (address: string) => void;
  readonly #zones: Zones;
  readonly #forwarder = new Forwarder();
  readonly #hostServers: HostServers;
  readonly #ownAddresses = new OwnAddresses();
  /** By address. */
  readonly #listeners = new Map<string, { readonly name: string; readonly listener: Listener }>();
  /** What ends the watching of a network's folder, by its name. */
  readonly #watches = new Map<string, () => void>();
  readonly #forHost: Server | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Addresses that we could not have, since when; and those of them of which we have said so. */
  readonly #missing = new Map<string, number>();
  readonly #told = new Set<string>();
  #closed = false;

  constructor(
    instance: Instance,
    { resolvConf, forHost, gone = () => undefined, taken = () => undefined }: NameServerOptions = {},
  ) {
    this.#gone = gone;
    this.#taken = taken;
    this.#instance = instance;
    this.#zones = new Zones(instance);
    this.#hostServers = new HostServers(resolvConf);
    this.#forHost = forHost;
  }

  /** Begins to answer. */
  open(): void {
    const folder = networksFolder(this.#instance);
    makeDirectories(folder);
    this.#watch("", folder, () => this.look());
    this.look();
  }

  /** Looks which networks there are, and answers at each where it can. */
  look(): void {
    if (this.#closed) return;
    try {
      this.#converge();
    } catch {
      // No descriptor is left, perhaps: what is answered already goes on, and the rest is tried again.
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.look(), patienceMs);
      this.#timer.unref();
    }
  }

  #converge(): void {
    this.#zones.look();
    const wanted = new Map<string, string>();
    for (const name of this.#watchable()) {
      const network = this.#zones.network(name);
      if (network === undefined) continue;
      holdSockets(this.#instance, network);
      for (const address of namesAddresses(network)) wanted.set(address, name);
    }
    for (const [address, { name, listener }] of [...this.#listeners]) {
      if (wanted.get(address) === name) continue;
      listener.close();
      this.#listeners.delete(address);
      if (wanted.has(address)) continue;
      dropSockets(this.#instance, (one) => one === address);
      this.#gone(address);
    }
    const missing: string[] = [];
    for (const [address, name] of wanted) {
      if (this.#listeners.has(address)) continue;
      const sockets = socketsAt(this.#instance, address);
      if (sockets === undefined) missing.push(address);
      else this.#listen(sockets, name);
    }
    this.#again(missing);
  }

  /** The networks that there may be, each with its folder watched. */
  #watchable(): string[] {
    const names = this.#zones.names();
    for (const [name, unwatch] of this.#watches) {
      if (name === "" || names.includes(name)) continue;
      unwatch();
      this.#watches.delete(name);
    }
    for (const name of names) {
      if (this.#watches.has(name)) continue;
      this.#watch(name, networkFile(this.#instance, name, "."), (file) => {
        this.#zones.forget(name);
        if (file === undefined || file === "network.json") this.look();
      });
    }
    return names;
  }

  #watch(name: string, folder: string, changed: (file: string | undefined) => void): void {
    try {
      this.#watches.set(name, watchPath(folder, changed, { persistent: false }));
    } catch {
      // Gone in between.
    }
  }

  /** Of addresses that another process has: it hands them over, or ends: looked for again, ever more slowly. */
  #again(missing: readonly string[]): void {
    clearTimeout(this.#timer);
    const now = Date.now();
    for (const address of this.#missing.keys()) if (!missing.includes(address)) this.#missing.delete(address);
    for (const address of missing) if (!this.#missing.has(address)) this.#missing.set(address, now);
    const waited = missing.map((address) => now - (this.#missing.get(address) ?? now));
    for (const [at, address] of missing.entries()) {
      if ((waited[at] ?? 0) < patienceMs || this.#told.has(address)) continue;
      this.#told.add(address);
      this.#taken(address);
    }
    const youngest = Math.min(...waited);
    // Who has had it for so long is none of us. It is looked for when something else changes.
    if (youngest >= patienceMs) return;
    this.#timer = setTimeout(() => this.look(), Math.max(firstRetryMs, youngest));
    this.#timer.unref();
  }

  #listen({ address, udp, tcp }: AddressSockets, name: string): void {
    // Descriptors of its own: those that we hold outlive it.
    const copies = { udp: duplicate(udp), tcp: duplicate(tcp), six: address.includes(":") };
    const listener = new Listener(copies, (message, asker) => this.#handle(message, asker, name));
    listener.unref();
    this.#listeners.set(address, { name, listener });
  }

  /** Servers without ourselves: we would ask ourselves for ever. */
  #othersThanUs(servers: readonly Server[]): readonly Server[] {
    const own = this.#forHost;
    return servers.filter(
      (one) => !this.#listeners.has(one.address) && (own === undefined || !isSame(one, own)),
    );
  }

  #handle(message: Buffer, asker: Asker, name: string): Reply {
    const address = addressBytes(asker.address);
    const zone = this.#zones.zone(name);
    if (address === undefined || zone === undefined) return undefined;
    // A gateway is an address of the host: others than the network's own could reach it, and are not answered.
    if (!zone.covers(address) && !this.#ownAddresses.has(address)) return undefined;
    return answerMessage(
      message,
      asker,
      (query) => answerOwn(query, [zone]) ?? this.#beyond(query, zone, address),
      this.#forwarder,
    );
  }

  /**
   * What the other networks of the container with that address have to say, else whom to ask; nobody where none of its
   * networks has a way out.
   */
  #beyond(query: Query, zone: Zone, address: Uint8Array): Answer | readonly Server[] {
    const host = zone.at(address);
    const others =
      host === undefined ? [] : this.#zones.all().filter((one) => one !== zone && one.has(host.container));
    const own = answerOwn(query, others);
    if (own !== undefined) return own;
    if ([zone, ...others].every(({ network }) => network.internal)) return { code: responseCode.refused };
    return this.#othersThanUs(
      host?.servers === undefined ? this.#hostServers.list() : serversAt(host.servers),
    );
  }

  /** Takes no more questions, and gives up those that others were asked. The sockets stay held. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const unwatch of this.#watches.values()) unwatch();
    for (const { listener } of this.#listeners.values()) listener.close();
    this.#listeners.clear();
    this.#forwarder.close();
  }
}

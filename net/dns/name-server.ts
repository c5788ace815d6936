import { type FSWatcher, watch } from "node:fs";
import { makeDirectories } from "../../src/core/make-directories.ts";
import type { Instance } from "../../src/core/paths.ts";
import { duplicate } from "../../src/sys/inet.ts";
import { networkFile, networksFolder } from "../state.ts";
import { addressBytes } from "./address.ts";
import { Forwarder, type Server } from "./forwarder.ts";
import { HostServers, serversAt } from "./host-servers.ts";
import { type Asker, Listener, type Reply } from "./listener.ts";
import {
  type Answer,
  type Query,
  readQuery,
  responseCode,
  roomOf,
  writeAnswer,
  writeFormatError,
} from "./message.ts";
import { answerOwn } from "./resolve.ts";
import {
  type AddressSockets,
  bindSockets,
  dropSockets,
  holdSockets,
  namesAddresses,
  socketsAt,
} from "./sockets.ts";
import type { Zone } from "./zone.ts";
import { Zones } from "./zones.ts";

/** How often an address is tried again that another process has, and after how long for the first time; then twice that. */
const maxTries = 8;
const firstRetryMs = 25;

/** Types that ask for whole zones (RFC 5936, RFC 1995): there are none to be had. */
const transfers: ReadonlySet<number> = new Set([251, 252]);

/** The code of an answer that says no more: to what is not to be done for anybody. */
function refusal({ opcode, edns, type }: Query): number | undefined {
  if (opcode !== 0) return responseCode.notImplemented;
  if ((edns?.version ?? 0) > 0) return responseCode.badVersion;
  return transfers.has(type) ? responseCode.refused : undefined;
}

/**
 * Answers names at the gateway of every network of an instance that is up, and goes on doing so as networks come and go.
 * Runs in any process: all that it knows it reads from the state directory.
 */
export class NameServer {
  readonly #instance: Instance;
  readonly #zones: Zones;
  readonly #forwarder = new Forwarder();
  readonly #hostServers: HostServers;
  /** By address. */
  readonly #listeners = new Map<string, { readonly name: string; readonly listener: Listener }>();
  readonly #watchers = new Map<string, FSWatcher>();
  #forHost: { readonly address: string; readonly port: number; readonly listener: Listener } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #tries = 0;
  #closed = false;

  constructor(instance: Instance, resolvConf?: string) {
    this.#instance = instance;
    this.#zones = new Zones(instance);
    this.#hostServers = new HostServers(resolvConf);
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
      if (!wanted.has(address)) dropSockets(this.#instance, (one) => one === address);
    }
    let missing = false;
    for (const [address, name] of wanted) {
      if (this.#listeners.has(address)) continue;
      const sockets = socketsAt(this.#instance, address);
      if (sockets === undefined) missing = true;
      else this.#listen(sockets, name);
    }
    this.#again(missing);
  }

  /** The networks that there may be, each with its folder watched. */
  #watchable(): string[] {
    const names = this.#zones.names();
    for (const [name, watcher] of this.#watchers) {
      if (name === "" || names.includes(name)) continue;
      watcher.close();
      this.#watchers.delete(name);
    }
    for (const name of names) {
      if (this.#watchers.has(name)) continue;
      this.#watch(name, networkFile(this.#instance, name, "."), (file) => {
        this.#zones.forget(name);
        if (file === "network.json") this.look();
      });
    }
    return names;
  }

  #watch(name: string, folder: string, changed: (file: string | null) => void): void {
    try {
      const watcher = watch(folder, { persistent: false }, (_event, file) => changed(file));
      watcher.on("error", () => watcher.close());
      this.#watchers.set(name, watcher);
    } catch {
      // Gone in between, or no inotify watch is left: names are looked up all the same, new networks come late.
    }
  }

  /** Another process that has an address hands it over, or ends: tried again, soon at first. */
  #again(missing: boolean): void {
    clearTimeout(this.#timer);
    this.#tries = missing ? this.#tries + 1 : 0;
    if (!missing || this.#tries > maxTries) return;
    this.#timer = setTimeout(() => this.look(), firstRetryMs * 2 ** (this.#tries - 1));
    this.#timer.unref();
  }

  #listen({ address, udp, tcp }: AddressSockets, name: string): void {
    // Descriptors of its own: those that we hold outlive it.
    const copies = { udp: duplicate(udp), tcp: duplicate(tcp), six: address.includes(":") };
    const listener = new Listener(copies, (message, asker) => this.#handle(message, asker, name));
    listener.unref();
    this.#listeners.set(address, { name, listener });
  }

  /** Answers the host too, at an address of its loopback. False when another process has it. */
  listenForHost(address: string, port: number): boolean {
    const sockets = bindSockets(address, port);
    if (sockets === undefined) return false;
    const listener = new Listener({ ...sockets, six: address.includes(":") }, (message, asker) =>
      this.#answer(message, asker, (query) => {
        const own = answerOwn(query, this.#zones.all());
        return own ?? this.#othersThanUs();
      }),
    );
    listener.unref();
    this.#forHost = { address, port, listener };
    return true;
  }

  /** The host's servers, without ourselves: we would ask ourselves for ever. */
  #othersThanUs(): readonly Server[] {
    const own = this.#forHost;
    return this.#hostServers
      .list()
      .filter(
        ({ address, port }) =>
          !this.#listeners.has(address) && !(own?.address === address && own.port === port),
      );
  }

  #handle(message: Buffer, asker: Asker, name: string): Reply {
    const address = addressBytes(asker.address);
    const zone = this.#zones.zone(name);
    // A gateway is an address of the host: others than the network's own could reach it, and are not answered.
    if (address === undefined || zone === undefined || !zone.covers(address)) return undefined;
    return this.#answer(
      message,
      asker,
      (query) => answerOwn(query, [zone]) ?? this.#beyond(query, zone, address),
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
    return host?.servers === undefined ? this.#othersThanUs() : serversAt(host.servers);
  }

  #answer(message: Buffer, asker: Asker, find: (query: Query) => Answer | readonly Server[]): Reply {
    const query = readQuery(message);
    if (query === undefined) return undefined;
    if (query === "malformed") return writeFormatError(message);
    const room = asker.tcp ? 65_535 : roomOf(query);
    const refused = refusal(query);
    if (refused !== undefined) return writeAnswer(query, { code: refused }, room);
    const found = find(query);
    if ("code" in found) return writeAnswer(query, found, room);
    // Who does not want us to ask others gets nothing else.
    if (!query.recursion) return writeAnswer(query, { code: responseCode.refused }, room);
    return this.#forwarder.ask(query, found, asker.address, asker.tcp);
  }

  /** Takes no more questions, and gives up those that others were asked. The sockets stay held. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers.values()) watcher.close();
    for (const { listener } of this.#listeners.values()) listener.close();
    this.#listeners.clear();
    this.#forHost?.listener.close();
    this.#forwarder.close();
  }
}

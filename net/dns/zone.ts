import { isAlive } from "../../src/sys/process.ts";
import type { Network } from "../network.ts";
import type { Lease } from "../pool.ts";
import { addressBytes, addressKey, hasPrefix } from "./address.ts";
import { answerRecord, fitsName, recordType } from "./message.ts";

/** How long it counts that a process was seen alive. In milliseconds. */
const aliveMs = 100;

/** One container on one network. */
export interface Host {
  readonly container: string;
  /** The first is the one that its address stands for. */
  readonly names: readonly string[];
  readonly addresses: readonly string[];
  /** Servers of its own for everything else (--dns). */
  readonly servers: readonly string[] | undefined;
  /** A and AAAA, ready to be sent. */
  readonly records: ReadonlyMap<number, readonly Buffer[]>;
  /** False when its container has ended and nobody has taken its lease back yet. */
  readonly lives: () => boolean;
}

/** Whether the process of a lease lives: asked of the kernel every time, and whether it is that very one now and then. */
function liveness({ pid, startTime }: Lease, ended: () => boolean): () => boolean {
  let seen = Number.NEGATIVE_INFINITY;
  return () => {
    const now = Date.now();
    if (now - seen < aliveMs && now >= seen) {
      try {
        process.kill(pid, 0);
        return true;
      } catch {
        return false;
      }
    }
    if (!isAlive({ pid, startTime }) || ended()) return false;
    seen = now;
    return true;
  };
}

function recordsOf(addresses: readonly string[]): ReadonlyMap<number, readonly Buffer[]> {
  const records = new Map<number, Buffer[]>();
  for (const address of addresses) {
    const bytes = addressBytes(address);
    if (bytes === undefined) continue;
    const type = bytes.length === 4 ? recordType.A : recordType.AAAA;
    records.set(type, [...(records.get(type) ?? []), answerRecord(type, bytes)]);
  }
  return records;
}

/** The names of one network. */
export class Zone {
  readonly network: Network;
  readonly #byName = new Map<string, Host[]>();
  readonly #byAddress = new Map<string, Host>();
  readonly #byContainer = new Map<string, Host>();
  readonly #ranges: readonly { readonly base: Uint8Array; readonly length: number }[];

  /** @param ended Whether a container has ended, though its monitor is still there. */
  constructor(network: Network, leases: readonly Lease[], ended: (container: string) => boolean) {
    this.network = network;
    this.#ranges = [network.subnet, network.subnet6].flatMap((subnet) => {
      const [text = "", length] = (subnet ?? "").split("/");
      const base = addressBytes(text);
      return base === undefined ? [] : [{ base, length: Number(length) }];
    });
    for (const lease of leases) this.#add(lease, ended);
  }

  #add(lease: Lease, ended: (container: string) => boolean): void {
    const { container, names = [], servers } = lease;
    const addresses = [lease.address, lease.address6 ?? ""].filter((address) => address !== "");
    const host: Host = {
      container,
      names,
      addresses,
      servers,
      records: recordsOf(addresses),
      lives: liveness(lease, () => ended(container)),
    };
    const known = new Set<string>();
    for (const name of names) {
      for (const full of [name, `${name}.${this.network.name}`]) {
        const key = full.toLowerCase();
        if (!fitsName(key) || known.has(key)) continue;
        known.add(key);
        const others = this.#byName.get(key);
        if (others === undefined) this.#byName.set(key, [host]);
        else others.push(host);
      }
    }
    for (const address of addresses) {
      const bytes = addressBytes(address);
      if (bytes !== undefined) this.#byAddress.set(addressKey(bytes), host);
    }
    this.#byContainer.set(container, host);
  }

  /** Who has that name, in lower case: several may share an alias. */
  named(name: string): readonly Host[] {
    const hosts = this.#byName.get(name);
    if (hosts === undefined) return [];
    return hosts.length === 1 && hosts[0]?.lives() === true ? hosts : hosts.filter((host) => host.lives());
  }

  /** Who has that address. */
  at(address: Uint8Array): Host | undefined {
    const host = this.#byAddress.get(addressKey(address));
    return host?.lives() === true ? host : undefined;
  }

  /** Whether that container is on the network. */
  has(container: string): boolean {
    return this.#byContainer.has(container);
  }

  /** Whether the address is one that only this network gives. */
  covers(address: Uint8Array): boolean {
    return this.#ranges.some(({ base, length }) => hasPrefix(address, base, length));
  }
}

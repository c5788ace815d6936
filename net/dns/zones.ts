import { existsSync, readdirSync } from "node:fs";
import { hasErrno } from "../../src/core/errors.ts";
import { join } from "../../src/core/join.ts";
import type { Instance } from "../../src/core/paths.ts";
import { bootId } from "../../src/sys/process.ts";
import type { Network } from "../network.ts";
import type { Pool } from "../pool.ts";
import { type Marker, networkFile, networksFolder } from "../state.ts";
import { FreshFile } from "./fresh-file.ts";
import { Zone } from "./zone.ts";

function parsed<T>(text: string | undefined): T | undefined {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as T;
  } catch {
    // Written by nobody of ours: it names nobody.
    return undefined;
  }
}

/** The files of one network. */
interface Files {
  readonly marker: FreshFile<Marker | undefined>;
  readonly pool: FreshFile<Pool | undefined>;
  /** Made of just these. */
  made: { readonly marker: Marker; readonly pool: Pool | undefined; readonly zone: Zone } | undefined;
}

/**
 * The names of all networks of an instance that are up, as the leases in the state directory tell them: whoever reads
 * them, in whatever process, sees the same.
 */
export class Zones {
  readonly #instance: Instance;
  readonly #files = new Map<string, Files>();

  constructor(instance: Instance) {
    this.#instance = instance;
    this.look();
  }

  /** Looks which networks there are. */
  look(): void {
    const names = new Set(this.#folders());
    for (const name of this.#files.keys()) if (!names.has(name)) this.#files.delete(name);
    for (const name of names) {
      if (this.#files.has(name)) continue;
      const file = (which: string): string => networkFile(this.#instance, name, which);
      this.#files.set(name, {
        marker: new FreshFile(file("network.json"), (text) => parsed<Marker>(text)),
        pool: new FreshFile(file("leases.json"), (text) => parsed<Pool>(text)),
        made: undefined,
      });
    }
  }

  /** The networks that have a folder. */
  names(): string[] {
    return [...this.#files.keys()];
  }

  #folders(): string[] {
    try {
      return readdirSync(networksFolder(this.#instance), { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => name)
        .sort();
    } catch (error) {
      if (hasErrno(error, "ENOENT")) return [];
      throw error;
    }
  }

  /** A file of the network has been replaced. */
  forget(name: string): void {
    this.#files.get(name)?.marker.forget();
    this.#files.get(name)?.pool.forget();
  }

  /** The network of that name, when it is up. */
  network(name: string): Network | undefined {
    const marker = this.#files.get(name)?.marker.get();
    return marker?.complete === true && marker.bootId === bootId() ? marker.network : undefined;
  }

  /** The names of a network that is up, as they are now. */
  zone(name: string): Zone | undefined {
    const files = this.#files.get(name);
    const marker = files?.marker.get();
    if (files === undefined || marker === undefined || !marker.complete || marker.bootId !== bootId())
      return undefined;
    const pool = files.pool.get();
    if (files.made?.marker !== marker || files.made.pool !== pool) {
      const leases = (pool?.leases ?? []).filter((lease) => lease.bootId === marker.bootId);
      files.made = { marker, pool, zone: new Zone(marker.network, leases, (id) => this.#ended(id)) };
    }
    return files.made.zone;
  }

  /** Those of all networks that are up. */
  all(): Zone[] {
    return [...this.#files.keys()].flatMap((name) => this.zone(name) ?? []);
  }

  /** Its monitor has noted the end, and waits for a supervisor that takes what it wrote. */
  #ended(container: string): boolean {
    return existsSync(join(this.#instance.state, "containers", container, "exit"));
  }
}

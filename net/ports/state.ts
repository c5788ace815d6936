import { readTextIfAny, writeFileAtomic } from "../../src/core/atomic.ts";
import type { Instance } from "../../src/core/paths.ts";
import { bootId, isAlive, type ProcessIdentity } from "../../src/sys/process.ts";
import { portsFile, removeFile } from "../state.ts";
import type { Publication } from "./publication.ts";

/** A container's ports of the host: reserved from before it is made, published once it has an address. */
export interface PortsEntry extends Publication {
  /** Its rules are there. Until then, `network` and the addresses say nothing. */
  readonly published: boolean;
  /** The ports are its own as long as this process lives: the one that starts it, then its monitor. */
  readonly owner: ProcessIdentity;
}

/** `<state>/networks/ports.json`: what is published, in the order of the rules. Changed under the networks' lock only. */
export interface PortsFile {
  readonly entries: readonly PortsEntry[];
  /** Bridges that were given route_localnet, and what they had before. */
  readonly localnet: Readonly<Record<string, string>>;
}

const nothing: PortsFile = { entries: [], localnet: {} };

/** The file as it is; of an earlier boot nothing counts. */
export function readPorts(instance: Instance): PortsFile {
  const text = readTextIfAny(portsFile(instance));
  if (text === undefined) return nothing;
  const { bootId: boot, ...file } = JSON.parse(text) as PortsFile & { readonly bootId: string };
  return boot === bootId() ? file : nothing;
}

/** Writes the file; one that says nothing is removed. */
export function writePorts(instance: Instance, file: PortsFile): void {
  if (file.entries.length === 0 && Object.keys(file.localnet).length === 0) removeFile(portsFile(instance));
  else writeFileAtomic(portsFile(instance), JSON.stringify({ bootId: bootId(), ...file }));
}

/** What is published now, in the order of the rules: desired rules are made of it. */
export function readPublications(instance: Instance): readonly Publication[] {
  return readPorts(instance).entries.filter((entry) => entry.published && isAlive(entry.owner));
}

import { readdirSync, unlinkSync } from "node:fs";
import { readTextIfAny, writeFileAtomic } from "../src/core/atomic.ts";
import { hasErrno } from "../src/core/errors.ts";
import { join } from "../src/core/join.ts";
import { makeDirectories } from "../src/core/make-directories.ts";
import type { Instance } from "../src/core/paths.ts";
import { bootId } from "../src/sys/process.ts";
import type { Network } from "./network.ts";

/*
 * <state>/networks/lock                              held while networks are made or removed
 * <state>/networks/sysctls.json                      what host-wide settings were before us
 * <state>/networks/ports.json                        what containers publish, see net/ports/state.ts
 * <state>/networks/<name>/network.json               marker: made, and how
 * <state>/networks/<name>/leases.json, leases.lock
 */

/** The folder of all networks. */
export function networksFolder(instance: Instance): string {
  return join(instance.state, "networks");
}

/** Held while networks are made or removed. */
export function networksLock(instance: Instance): string {
  return join(networksFolder(instance), "lock");
}

/** A file of one network. */
export function networkFile(instance: Instance, name: string, file: string): string {
  return join(networksFolder(instance), name, file);
}

/** What is published: see net/ports/state.ts. */
export function portsFile(instance: Instance): string {
  return join(networksFolder(instance), "ports.json");
}

/** Makes the folders of a network. */
export function ensureNetworkFolder(instance: Instance, name: string): void {
  makeDirectories(join(networksFolder(instance), name));
}

/** What is known of a network that was made, or that making or removing began, since the host booted. */
export interface Marker {
  readonly bootId: string;
  readonly network: Network;
  readonly mtu: number;
  /** False from before the first act until all is done, and again from before the removal: the journal of both. */
  readonly complete: boolean;
}

/** The marker of a network, complete or not. */
export function readMarker(instance: Instance, name: string): Marker | undefined {
  const text = readTextIfAny(networkFile(instance, name, "network.json"));
  if (text === undefined) return undefined;
  const marker = JSON.parse(text) as Marker;
  return marker.bootId === bootId() ? marker : undefined;
}

/** Writes the marker of a network. */
export function writeMarker(instance: Instance, marker: Omit<Marker, "bootId">): void {
  const path = networkFile(instance, marker.network.name, "network.json");
  writeFileAtomic(path, JSON.stringify({ bootId: bootId(), ...marker }));
}

/** Forgets a network of which nothing is left. */
export function removeMarker(instance: Instance, name: string): void {
  removeFile(networkFile(instance, name, "network.json"));
}

/** The networks of the instance of which something may be there. */
export function readMarkers(instance: Instance): Marker[] {
  let names: string[];
  try {
    names = readdirSync(networksFolder(instance), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .sort();
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return [];
    throw error;
  }
  return names.flatMap((name) => readMarker(instance, name) ?? []);
}

/** unlink(2); a file that is not there is fine. */
export function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!hasErrno(error, "ENOENT")) throw error;
  }
}

import { closeSync } from "node:fs";
import { hasErrno } from "../../src/core/errors.ts";
import type { Instance } from "../../src/core/paths.ts";
import { bindUdp, listenTcp } from "../../src/sys/inet.ts";
import { hasBridge, type Network } from "../network.ts";
import { addressBytes } from "./address.ts";

/** The sockets of one address: descriptors of this process. */
export interface AddressSockets {
  readonly address: string;
  readonly udp: number;
  readonly tcp: number;
}

const dnsPort = 53;

/**
 * What this process has, by instance and address. The sockets are open files that several processes may share: one of
 * them answers, and while any of them lives no question is lost.
 */
const held = new Map<string, Map<string, AddressSockets>>();

function heldBy({ state }: Instance): Map<string, AddressSockets> {
  let found = held.get(state);
  if (found === undefined) {
    found = new Map();
    held.set(state, found);
  }
  return found;
}

/** The addresses at which the names of a network are answered: those of its bridge. */
export function namesAddresses(network: Network): readonly string[] {
  if (!hasBridge(network)) return [];
  return [network.gateway, network.gateway6 ?? ""].filter((address) => address !== "");
}

/** Binds port 53 of an address, or another; undefined when another process has it, or the address is not there. */
export function bindSockets(address: string, port: number = dnsPort): AddressSockets | undefined {
  const bytes = addressBytes(address);
  if (bytes === undefined) return undefined;
  let udp: number | undefined;
  try {
    udp = bindUdp(bytes, port);
    return { address, udp, tcp: listenTcp(bytes, port) };
  } catch (error) {
    if (udp !== undefined) closeSync(udp);
    if (hasErrno(error, "EADDRINUSE", "EADDRNOTAVAIL", "EAFNOSUPPORT")) return undefined;
    throw error;
  }
}

/**
 * Takes port 53 at the network's addresses, where no other process has it: from now on questions wait there to be
 * answered. A start does this before its command runs; answering can begin later.
 */
export function holdSockets(instance: Instance, network: Network): void {
  const mine = heldBy(instance);
  for (const address of namesAddresses(network)) {
    if (mine.has(address)) continue;
    const sockets = bindSockets(address);
    if (sockets !== undefined) mine.set(address, sockets);
  }
}

/** What this process has of an instance. */
export function heldSockets(instance: Instance): readonly AddressSockets[] {
  return [...heldBy(instance).values()];
}

/** What this process has at an address. */
export function socketsAt(instance: Instance, address: string): AddressSockets | undefined {
  return heldBy(instance).get(address);
}

/** Keeps sockets that came from another process; those of an address that we have already are closed. */
export function keepSockets(instance: Instance, sockets: AddressSockets): void {
  const mine = heldBy(instance);
  if (mine.has(sockets.address)) closeSockets(sockets);
  else mine.set(sockets.address, sockets);
}

function closeSockets({ udp, tcp }: AddressSockets): void {
  closeSync(udp);
  closeSync(tcp);
}

/** Gives up what this process has at these addresses, or at all. */
export function dropSockets(instance: Instance, wanted: (address: string) => boolean = () => true): void {
  const mine = heldBy(instance);
  for (const [address, sockets] of [...mine]) {
    if (!wanted(address)) continue;
    mine.delete(address);
    closeSockets(sockets);
  }
  if (mine.size === 0) held.delete(instance.state);
}

import { closeSync } from "node:fs";
import { hasErrno, SetupError } from "../../src/core/errors.ts";
import type { Instance } from "../../src/core/paths.ts";
import type { PortMapping, PublishedPort } from "../../src/core/port-mapping.ts";
import { withLock } from "../../src/sys/flock.ts";
import { type BoundPort, bindPort } from "../../src/sys/port.ts";
import { isAlive, type ProcessIdentity } from "../../src/sys/process.ts";
import { ipBytes } from "../netlink/ip.ts";
import { ensureNetworkFolder, networksLock } from "../state.ts";
import { findHolder, onlyLingers } from "./holder.ts";
import { isLoopback, isWildcard } from "./publication.ts";
import { type PortsEntry, readPorts, writePorts } from "./state.ts";

/** A mapping whose address of the host is known. */
export type BoundMapping = PortMapping & { readonly hostAddress: string };

/** Ports of the host that are a container's own, as long as the sockets are open. */
export interface Reservation {
  readonly ports: readonly PublishedPort[];
  /** To be held open by whoever lives as long as the container does. */
  readonly sockets: readonly number[];
}

export interface ReservationRequest {
  readonly container: string;
  /** Who starts the container. */
  readonly owner: ProcessIdentity;
  readonly mappings: readonly BoundMapping[];
  /** The name of another container, for an error. */
  readonly nameOf: (container: string) => string | undefined;
}

/** `127.0.0.1:8080/tcp`, `[::]:53/udp`. */
export function shownPort(address: string, port: number | string, protocol: string): string {
  return `${address.includes(":") ? `[${address}]` : address}:${port}/${protocol}`;
}

/** The mapping as it was asked for: `-p 127.0.0.1:8080:80`. */
function shownMapping({
  hostAddress,
  hostPort,
  lastHostPort,
  containerPort,
  protocol,
}: BoundMapping): string {
  const host =
    hostPort === undefined ? "" : `${hostPort}${lastHostPort === undefined ? "" : `-${lastHostPort}`}`;
  const address = hostAddress.includes(":") ? `[${hostAddress}]` : hostAddress;
  return `-p ${address}:${host}:${containerPort}${protocol === "tcp" ? "" : `/${protocol}`}`;
}

/** True when who has the one cannot have the other: the same port, of addresses that have one in common. */
function collides(entry: PublishedPort, { protocol, hostAddress }: BoundMapping, port: number): boolean {
  if (entry.protocol !== protocol || entry.hostPort !== port) return false;
  if (entry.hostAddress === hostAddress) return true;
  const sameFamily = entry.hostAddress.includes(":") === hostAddress.includes(":");
  return sameFamily && (isWildcard(entry.hostAddress) || isWildcard(hostAddress));
}

function bind({ protocol, hostAddress }: BoundMapping, port: number): BoundPort {
  const address = ipBytes(hostAddress);
  try {
    return bindPort({ protocol, address, port });
  } catch (error) {
    if (!hasErrno(error, "EADDRINUSE") || port === 0 || !onlyLingers(protocol, port)) throw error;
    return bindPort({ protocol, address, port, reuse: true });
  }
}

const other = "another port of the host";

/** The first number that is tried for an sctp port of any number, where the kernel has no sockets to choose one by. */
const firstFree = 49_152;

class Reserver {
  readonly ports: PublishedPort[] = [];
  readonly sockets: number[] = [];
  readonly #others: readonly PortsEntry[];
  readonly #nameOf: ReservationRequest["nameOf"];

  constructor(others: readonly PortsEntry[], nameOf: ReservationRequest["nameOf"]) {
    this.#others = others;
    this.#nameOf = nameOf;
  }

  /** Takes one port of the host for a mapping: that one, the first free of a range, or any. @throws SetupError */
  take(mapping: BoundMapping): void {
    const { hostPort, lastHostPort = hostPort } = mapping;
    if (hostPort === undefined || lastHostPort === undefined) {
      this.#takeAny(mapping);
      return;
    }
    let refusal: string | undefined;
    for (let port = hostPort; port <= lastHostPort; port += 1) {
      const why = this.#try(mapping, port);
      if (why === undefined) return;
      refusal = why;
    }
    const what =
      hostPort === lastHostPort
        ? `${refusal}`
        : `none of the ports ${hostPort} to ${lastHostPort} is free; the last: ${refusal}`;
    throw new SetupError(`${shownMapping(mapping)}: ${what}`);
  }

  #takeAny(mapping: BoundMapping): void {
    const why = this.#try(mapping, 0);
    if (why === undefined) return;
    throw new SetupError(`${shownMapping(mapping)}: no free port: ${why}`);
  }

  /** Undefined when the port is ours now, else why it cannot be. */
  #try(mapping: BoundMapping, port: number): string | undefined {
    const { protocol, hostAddress, containerPort } = mapping;
    const shown = shownPort(hostAddress, port, protocol);
    if (port !== 0) {
      if (this.ports.some((own) => collides(own, mapping, port)))
        return `${shown} is asked for twice: choose ${other}`;
      const rival = this.#others.find(({ ports }) => ports.some((it) => collides(it, mapping, port)));
      if (rival !== undefined)
        return `${shown} is in use by container ${this.#called(rival)}: choose ${other}`;
    }
    try {
      const bound = bind(mapping, port);
      this.sockets.push(bound.fd);
      this.ports.push({ protocol, containerPort, hostAddress, hostPort: bound.port });
      return undefined;
    } catch (error) {
      if (hasErrno(error, "EPROTONOSUPPORT", "ESOCKTNOSUPPORT")) return this.#takeUnbound(mapping, port);
      if (hasErrno(error, "EADDRINUSE")) {
        const hint =
          port === 53 && isWildcard(hostAddress)
            ? " (mdocker itself answers names at each gateway: publish on one address of the host)"
            : "";
        return `${shown} is in use by ${findHolder(protocol, port) ?? "another program"}${hint}: choose ${other}`;
      }
      if (hasErrno(error, "EADDRNOTAVAIL"))
        return `no interface of the host${isLoopback(hostAddress) ? " that is up" : ""} has the address ${hostAddress}: name one that ip address shows, or 0.0.0.0 for all`;
      if (hasErrno(error, "EACCES")) return `${shown} may not be bound: a port below 1024 needs root`;
      if (hasErrno(error, "EAFNOSUPPORT")) return `the kernel has no IPv6 here`;
      throw error;
    }
  }

  #called({ container }: PortsEntry): string {
    const name = this.#nameOf(container);
    return name === undefined ? container.slice(0, 12) : `${name} (${container.slice(0, 12)})`;
  }

  /** A protocol that this kernel has no sockets for: no program can have the port, only another container. */
  #takeUnbound(mapping: BoundMapping, port: number): string | undefined {
    const { protocol, hostAddress, containerPort } = mapping;
    const taken = [...this.#others.flatMap(({ ports }) => ports), ...this.ports];
    let hostPort = port === 0 ? firstFree : port;
    while (taken.some((it) => collides(it, mapping, hostPort))) hostPort += 1;
    if (hostPort > 65_535) return "all ports are in use";
    this.ports.push({ protocol, containerPort, hostAddress, hostPort });
    return undefined;
  }
}

/**
 * Takes ports of the host for a container before anything of it is made: each is bound, so that no program and no other
 * container can have it meanwhile, and noted. Two who ask at once cannot get the same.
 * @throws SetupError that says who has a port; then none is taken.
 */
export function reservePorts(
  instance: Instance,
  { container, owner, mappings, nameOf }: ReservationRequest,
): Reservation {
  const act = (): Reservation => {
    const file = readPorts(instance);
    const others = file.entries.filter((entry) => entry.container !== container && isAlive(entry.owner));
    const reserver = new Reserver(others, nameOf);
    try {
      for (const mapping of mappings) reserver.take(mapping);
      const { ports, sockets } = reserver;
      const entry = { network: "", container, address: "", ports, published: false, owner };
      // Whose process has ended stays: its rules are still to be taken away.
      writePorts(instance, {
        ...file,
        entries: [...file.entries.filter((it) => it.container !== container), entry],
      });
      return { ports, sockets };
    } catch (error) {
      for (const fd of reserver.sockets) closeSync(fd);
      throw error;
    }
  };
  ensureNetworkFolder(instance, "");
  return withLock(networksLock(instance), act);
}

import { hasErrno } from "../../src/core/errors.ts";
import type { PublishedPort } from "../../src/core/port-mapping.ts";
import { dumpAddresses, parseAddress } from "../netlink/address.ts";
import { type NetlinkClient, withNetlink } from "../netlink/client.ts";
import {
  type ConnectionFilter,
  deleteConnection,
  dumpConnections,
  parseConnection,
  type TrackedConnection,
  withConntrack,
} from "../netlink/conntrack.ts";
import { AF_INET, AF_INET6, type Family, familyOf } from "../netlink/ip.ts";
import { isLoopback, isWildcard, type Publication } from "./publication.ts";

const protocolNumbers: Readonly<Record<PublishedPort["protocol"], number>> = { tcp: 6, udp: 17, sctp: 132 };

/** Ports of one protocol and family: what is tracked of them is looked for at once, as each look goes through everything. */
interface Group {
  readonly family: Family;
  readonly protocol: number;
  readonly ports: readonly PublishedPort[];
}

function groupsOf(ports: readonly PublishedPort[]): Group[] {
  const groups = new Map<string, Group>();
  for (const port of ports) {
    const family = familyOf(port.hostAddress);
    const key = `${family} ${port.protocol}`;
    const known = groups.get(key)?.ports ?? [];
    groups.set(key, { family, protocol: protocolNumbers[port.protocol], ports: [...known, port] });
  }
  return [...groups.values()];
}

/** What is tracked of a protocol; the kernel sorts out by one port, and we by the others. */
function tracked(
  client: NetlinkClient,
  { family, protocol }: Group,
  port: Pick<ConnectionFilter, "originalDestinationPort" | "replySourcePort">,
): TrackedConnection[] {
  return client
    .dump(dumpConnections({ family, protocol, ...port }))
    .flatMap((payload) => parseConnection(payload) ?? [])
    .filter(({ original }) => original.protocol === protocol);
}

/** Forgets connections; the kernel may have done so meanwhile. Returns how many there were. */
function forget(client: NetlinkClient, connections: readonly TrackedConnection[]): number {
  for (const connection of connections) {
    try {
      client.change(deleteConnection(connection));
    } catch (error) {
      if (!hasErrno(error, "ENOENT")) throw error;
    }
  }
  return connections.length;
}

/** A kernel without ctnetlink: flows that are older than a mapping then end by themselves. */
function ifTracked(act: () => number): number {
  try {
    return act();
  } catch (error) {
    if (hasErrno(error, "EINVAL", "EPROTONOSUPPORT", "EOPNOTSUPP")) return 0;
    throw error;
  }
}

/** The host's own addresses. */
function localAddresses(): ReadonlySet<string> {
  return withNetlink((client) => {
    const payloads = ([AF_INET, AF_INET6] as const).flatMap((family) =>
      client.dump(dumpAddresses(0, family)),
    );
    return new Set(payloads.map((payload) => parseAddress(payload).address));
  });
}

/** True where an earlier flow would go on past a new rule. One of tcp ends with its port, and begins anew with a SYN. */
export function outlivesRules({ protocol }: PublishedPort): boolean {
  return protocol !== "tcp";
}

/**
 * Forgets what was tracked of ports of the host before they led to a container: an old flow of udp, to which the new rule
 * would not apply as long as packets of it come. Connections of others to the same port elsewhere stay.
 * @returns how many there were.
 */
export function forgetEarlier(ports: readonly PublishedPort[]): number {
  const groups = groupsOf(ports.filter(outlivesRules));
  if (groups.length === 0) return 0;
  return ifTracked(() =>
    withConntrack((client) => {
      const local = localAddresses();
      let count = 0;
      for (const group of groups) {
        const only = group.ports.length === 1 ? group.ports[0]?.hostPort : undefined;
        const found = tracked(client, group, { originalDestinationPort: only }).filter(({ original }) =>
          group.ports.some(({ hostAddress, hostPort }) => {
            const { destination, destinationPort } = original;
            if (destinationPort !== hostPort) return false;
            if (!isWildcard(hostAddress)) return destination === hostAddress;
            return isLoopback(destination) || local.has(destination);
          }),
        );
        count += forget(client, found);
      }
      return count;
    }),
  );
}

/**
 * Forgets the connections that came to a container by its published ports: the address may soon be another's.
 * @returns how many there were.
 */
export function forgetConnections({ address, address6, ports }: Publication): number {
  return ifTracked(() =>
    withConntrack((client) => {
      let count = 0;
      for (const group of groupsOf(ports)) {
        const only = group.ports.length === 1 ? group.ports[0]?.containerPort : undefined;
        const container = group.family === AF_INET ? address : address6;
        const numbers = new Set(group.ports.map(({ containerPort }) => containerPort));
        const found = tracked(client, group, { replySourcePort: only }).filter(
          ({ original, reply }) =>
            numbers.has(reply.sourcePort ?? 0) &&
            reply.source === container &&
            original.destination !== container,
        );
        count += forget(client, found);
      }
      return count;
    }),
  );
}

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
import { AF_INET, AF_INET6, familyOf } from "../netlink/ip.ts";
import { isLoopback, isWildcard, type Publication } from "./publication.ts";

const protocolNumbers: Readonly<Record<PublishedPort["protocol"], number>> = { tcp: 6, udp: 17, sctp: 132 };

function matching(client: NetlinkClient, filter: ConnectionFilter): TrackedConnection[] {
  const { protocol, originalDestinationPort, replySourcePort } = filter;
  return client
    .dump(dumpConnections(filter))
    .flatMap((payload) => parseConnection(payload) ?? [])
    .filter(
      ({ original, reply }) =>
        original.protocol === protocol &&
        (originalDestinationPort === undefined || original.destinationPort === originalDestinationPort) &&
        (replySourcePort === undefined || reply.sourcePort === replySourcePort),
    );
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

/**
 * Forgets what was tracked of a port of the host before it led to a container: an old flow of udp, to which the new rule
 * would not apply as long as packets of it come. Connections of others to the same port elsewhere stay.
 * @returns how many there were.
 */
export function forgetEarlier(ports: readonly PublishedPort[]): number {
  return ifTracked(() =>
    withConntrack((client) => {
      let local: ReadonlySet<string> | undefined;
      let count = 0;
      for (const { protocol, hostAddress, hostPort } of ports) {
        const found = matching(client, {
          family: familyOf(hostAddress),
          protocol: protocolNumbers[protocol],
          originalDestinationPort: hostPort,
        }).filter(({ original: { destination } }) => {
          if (!isWildcard(hostAddress)) return destination === hostAddress;
          local ??= localAddresses();
          return isLoopback(destination) || local.has(destination);
        });
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
      for (const { protocol, hostAddress, containerPort } of ports) {
        const family = familyOf(hostAddress);
        const container = hostAddress.includes(":") ? address6 : address;
        const found = matching(client, {
          family,
          protocol: protocolNumbers[protocol],
          replySourcePort: containerPort,
        }).filter(({ original, reply }) => reply.source === container && original.destination !== container);
        count += forget(client, found);
      }
      return count;
    }),
  );
}

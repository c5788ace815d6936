import { hasBridge } from "../../net/network.ts";
import type { Publication } from "../../net/ports/publication.ts";
import type { BoundMapping } from "../../net/ports/reserve.ts";
import { UsageError } from "../core/errors.ts";
import type { PortMapping, PublishedPort } from "../core/port-mapping.ts";
import type { RunRequest } from "./request.ts";
import type { Connection } from "./step.ts";

/** What a container publishes, and by which of its connections it is reached. */
export interface Publishing {
  readonly mappings: readonly BoundMapping[];
  readonly connection: Connection;
}

/** Where a port is published when no address of the host is named: nobody but the host itself reaches it. */
const localhost = "127.0.0.1";

/** The explicit mappings, and with --publish-all one for each exposed port that has none. */
function allMappings({ network, publishAll }: RunRequest, exposed: readonly string[]): PortMapping[] {
  const ports = network.kind === "bridge" ? (network.ports ?? []) : [];
  if (publishAll !== true) return [...ports];
  const explicit = new Set(ports.map(({ containerPort, protocol }) => `${containerPort}/${protocol}`));
  const others = exposed
    .filter((port) => !explicit.has(port))
    .map((port): PortMapping => {
      const [number, protocol] = port.split("/");
      return { containerPort: Number(number), protocol: protocol as PortMapping["protocol"] };
    });
  return [...ports, ...others];
}

/** The ports of image and request: `80/tcp`. */
export function exposedPorts(request: RunRequest, image: readonly string[] = []): readonly string[] {
  const ofImage = image.map((port) => (port.includes("/") ? port.toLowerCase() : `${port}/tcp`));
  return [
    ...new Set([
      ...ofImage.filter((port) => /^\d{1,5}\/(tcp|udp|sctp)$/.test(port)),
      ...(request.exposed ?? []),
    ]),
  ];
}

/** True for a network that the host can lead ports to: it is on it, and there is a way in. */
export function canPublish({ network }: Pick<Connection, "network">): boolean {
  return !network.internal && hasBridge(network);
}

/** What a port that is open to all opens, in one line. */
function noteOf(mappings: readonly BoundMapping[]): string[] {
  const open = mappings.filter(({ hostAddress }) => hostAddress === "0.0.0.0" || hostAddress === "::");
  if (open.length === 0) return [];
  const ports = [...new Set(open.map(({ containerPort, protocol }) => `${containerPort}/${protocol}`))];
  const shown = ports.length > 8 ? `${ports.slice(0, 8).join(", ")}...` : ports.join(", ");
  const addresses = [...new Set(open.map(({ hostAddress }) => hostAddress))].join(" and ");
  return [`published on ${addresses}: whoever reaches this host reaches port ${shown} of the container`];
}

/**
 * Thinks through what is published: on which addresses of the host, by which network, which is the one of the default
 * route, and what to say about it.
 * @throws UsageError for what cannot be.
 */
export function planPublishing(
  request: RunRequest,
  connections: readonly Connection[],
  exposed: readonly string[],
): { readonly publishing: Publishing | undefined; readonly notes: readonly string[] } {
  const asked = allMappings(request, exposed);
  if (asked.length === 0) return { publishing: undefined, notes: [] };
  const able = connections.filter(canPublish);
  const connection = able.find(({ routes }) => routes.v4) ?? able[0];
  if (connection === undefined) {
    const names = connections.map(({ network }) => network.name).join(", ");
    return {
      publishing: undefined,
      notes: [`no port is published: nothing outside reaches network ${names}`],
    };
  }
  const { hostBinding = localhost, name, subnet, subnet6 } = connection.network;
  const mappings = asked.map((mapping) => ({ ...mapping, hostAddress: mapping.hostAddress ?? hostBinding }));
  const v6 = mappings.find(({ hostAddress }) => hostAddress.includes(":"));
  if (v6 !== undefined && subnet6 === undefined)
    throw new UsageError(
      `-p [${v6.hostAddress}]:${v6.hostPort ?? ""}:${v6.containerPort}: network ${name} has no IPv6: make one with mdocker network create --ipv6`,
    );
  const v4 = mappings.find(({ hostAddress }) => !hostAddress.includes(":"));
  if (v4 !== undefined && subnet === "")
    throw new UsageError(
      `-p ${v4.hostAddress}:${v4.hostPort ?? ""}:${v4.containerPort}: network ${name} has no IPv4: publish on an IPv6 address, such as [::]`,
    );
  return { publishing: { mappings, connection }, notes: noteOf(mappings) };
}

/** What a container publishes by one of its interfaces. */
export function publicationOf(
  container: string,
  endpoint: Pick<Publication, "network" | "address" | "address6"> & { readonly hostName: string },
  ports: readonly PublishedPort[],
): Publication {
  const { network, address, address6, hostName } = endpoint;
  return { network, container, address, address6, ports, hostEnd: hostName };
}

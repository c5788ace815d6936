import type { PublishedPort } from "../../src/core/port-mapping.ts";
import { type Family, type Rule, rule } from "../chain.ts";
import type { Network } from "../network.ts";
import { isLoopback, isWildcard, type Publication } from "./publication.ts";

/** The rules of one publication, by the chain that they are at the end of. */
export interface PublicationRules {
  /** raw: what must not come in as it is. */
  readonly prerouting: readonly Rule[];
  /** filter: what may be forwarded. */
  readonly forward: readonly Rule[];
  /** nat: where a port of the host leads. */
  readonly translation: readonly Rule[];
  /** nat: whose packets take the host's address, so that the answers come back by it. */
  readonly postrouting: readonly Rule[];
}

function unique(rules: readonly Rule[]): Rule[] {
  const seen = new Set<string>();
  return rules.filter(({ words }) => {
    const text = words.join(" ");
    return !seen.has(text) && seen.add(text);
  });
}

/** The ports of a publication that are of one address family. */
function portsOf({ ports, address, address6 = "" }: Publication, family: Family): readonly PublishedPort[] {
  // It has no address of that family on the network.
  if ((family === 4 ? address : address6) === "") return [];
  return ports.filter(({ hostAddress }) => hostAddress.includes(":") === (family === 6));
}

const to = ({ protocol }: PublishedPort, port: number): string =>
  `-p ${protocol} -m ${protocol} --dport ${port}`;

/** How a port of the host is called in a reason. */
function shownPort({ hostAddress, hostPort, protocol }: PublishedPort): string {
  const address = hostAddress.includes(":") ? `[${hostAddress}]` : hostAddress;
  return `${isWildcard(hostAddress) ? "any address of the host" : address}, port ${hostPort}/${protocol}`;
}

/**
 * The rules by which a container's ports are published. The network's subnet is that of the family. Nothing for a
 * network without a way in.
 */
export function publicationRules(
  network: Network,
  publication: Publication,
  family: Family,
): PublicationRules {
  const ports = network.internal ? [] : portsOf(publication, family);
  const container = family === 4 ? publication.address : (publication.address6 ?? "");
  const { bridge, subnet, owner, name, masquerade } = network;
  const host = family === 4 ? `${container}/32` : `${container}/128`;
  const make = (words: string, target: string, reason: string): Rule =>
    rule(words, `${owner}:${name}:${publication.container.slice(0, 12)}`, target, reason);
  const some = (chosen: (port: PublishedPort) => boolean, act: (port: PublishedPort) => Rule): Rule[] =>
    unique(ports.filter(chosen).map(act));
  const all = (): boolean => true;
  const local = ({ hostAddress }: PublishedPort): boolean => isLoopback(hostAddress);
  const direct =
    ports.length > 0 && masquerade
      ? [
          make(
            `-d ${host} ! -i ${bridge}`,
            "DROP",
            "who routes to the container directly is refused: its ports are those of the host",
          ),
        ]
      : [];
  return {
    prerouting: [
      ...some(local, (port) =>
        make(
          `-d ${port.hostAddress}/32 ! -i lo ${to(port, port.hostPort)}`,
          "DROP",
          "published on localhost: a neighbour that sends to the host's 127.0.0.1 is refused",
        ),
      ),
      ...direct,
    ],
    forward: some(all, (port) =>
      make(
        `-d ${host} -o ${bridge} ${to(port, port.containerPort)} -m conntrack --ctstate DNAT`,
        "ACCEPT",
        `to port ${port.containerPort}/${port.protocol} comes in what was led there by a port of the host, and only that`,
      ),
    ),
    translation: some(all, (port) => {
      const where = isWildcard(port.hostAddress) ? "" : `-d ${port.hostAddress}/${family === 4 ? 32 : 128} `;
      const target = family === 4 ? container : `[${container}]`;
      return make(
        `${where}${to(port, port.hostPort)}`,
        `DNAT --to-destination ${target}:${port.containerPort}`,
        `${shownPort(port)}, leads to port ${port.containerPort} of the container`,
      );
    }),
    postrouting: [
      ...some(
        (port) => !local(port),
        (port) =>
          make(
            `-s ${subnet} -d ${host} -o ${bridge} ${to(port, port.containerPort)} -m conntrack --ctstate DNAT`,
            "MASQUERADE",
            "hairpin: a container that uses the host's port, perhaps its own, is answered by way of the host",
          ),
      ),
      ...(family === 4
        ? some(
            (port) => local(port) || isWildcard(port.hostAddress),
            (port) =>
              make(
                `-s 127.0.0.0/8 -d ${host} -o ${bridge} ${to(port, port.containerPort)}`,
                "MASQUERADE",
                "from the host's localhost: the container answers to an address that it can reach",
              ),
          )
        : []),
    ],
  };
}

import { AF_INET, AF_INET6 } from "../../../net/netlink/ip.ts";
import type { LinkDetail } from "../../../net/netlink/link-detail.ts";
import type { Network } from "../../../net/network.ts";
import { describeQueues } from "../../../net/why/checks/qdisc.ts";
import { collectFacts } from "../../../net/why/collect.ts";
import { type Facts, linkNamed, linkOf } from "../../../net/why/facts.ts";
import type { Instance } from "../../core/paths.ts";
import { findListedNetwork, listNetworks } from "../networks.ts";
import type { ContainerRecord } from "../record.ts";
import { isLive, listContainers } from "../refresh.ts";
import { Participants } from "../why/participants.ts";
import type { Graph, GraphCounters, GraphEndpoint, GraphLink, GraphNetwork, GraphState } from "./model.ts";

/** Both families at once. */
function look(netns: number): Facts {
  const four = collectFacts(netns, AF_INET);
  const six = collectFacts(netns, AF_INET6);
  return {
    ...four,
    // Every link has a link-local address, which says nothing.
    addresses: [...four.addresses, ...six.addresses.filter(({ address }) => !/^fe[89ab]/.test(address))],
    routes: [...four.routes, ...six.routes],
  };
}

function stateOf(link: LinkDetail | undefined): GraphState {
  if (link === undefined) return "missing";
  if (!link.up) return "down";
  return link.running ? "up" : "no-carrier";
}

function countersOf({ counters }: LinkDetail): GraphCounters {
  const { rxPackets, txPackets, rxBytes, txBytes, rxDropped, txDropped } = counters;
  return { rxPackets, txPackets, rxBytes, txBytes, dropped: rxDropped + txDropped };
}

function addressesOf({ addresses }: Facts, link: LinkDetail | undefined): string[] {
  return addresses
    .filter((one) => one.link === link?.index)
    .map(({ address, prefixLength }) => `${address}/${prefixLength}`);
}

function linkView(facts: Facts, link: LinkDetail): GraphLink {
  return {
    name: link.name,
    state: stateOf(link),
    addresses: addressesOf(facts, link),
    mtu: link.mtu,
    counters: countersOf(link),
    impairments: describeQueues(facts, link),
  };
}

const nothing: GraphCounters = { rxPackets: 0, txPackets: 0, rxBytes: 0, txBytes: 0, dropped: 0 };

function portsOf({ ports = [] }: ContainerRecord): string[] {
  return ports.map(({ hostAddress, hostPort, containerPort, protocol }) => {
    const host = hostAddress.includes(":") ? `[${hostAddress}]` : hostAddress;
    return `${host}:${hostPort}->${containerPort}/${protocol}`;
  });
}

/** What a look at all namespaces has brought. */
interface Look {
  readonly host: Facts;
  readonly inside: ReadonlyMap<string, Facts>;
  readonly records: readonly ContainerRecord[];
}

function endpointsOf({ host, inside, records }: Look, network: Network): GraphEndpoint[] {
  const bridge = linkNamed(host, network.bridge);
  return records.flatMap((record) =>
    record.endpoints
      .filter((endpoint) => endpoint.network === network.name)
      .map((endpoint): GraphEndpoint => {
        const facts = inside.get(record.id);
        const link = facts === undefined ? undefined : linkNamed(facts, endpoint.ifname);
        const cable = endpoint.hostName === "" ? undefined : linkNamed(host, endpoint.hostName);
        const leads = facts?.routes.some(
          ({ prefixLength, link: out, gateway }) =>
            prefixLength === 0 && gateway !== undefined && out === link?.index,
        );
        return {
          container: record.name,
          id: record.id.slice(0, 12),
          ifname: endpoint.ifname,
          state: stateOf(link),
          addresses: facts === undefined ? [] : addressesOf(facts, link),
          mac: link?.mac ?? endpoint.mac,
          hostEnd:
            endpoint.hostName === ""
              ? undefined
              : {
                  name: endpoint.hostName,
                  state: stateOf(cable),
                  attached: cable?.master !== undefined && cable.master === bridge?.index,
                },
          mtu: link?.mtu ?? 0,
          counters: link === undefined ? nothing : countersOf(link),
          impairments: {
            out: facts === undefined || link === undefined ? [] : describeQueues(facts, link),
            in: cable === undefined ? [] : describeQueues(host, cable),
          },
          // They lead to the interface of the default route.
          ports: endpoint.gateway !== undefined || record.endpoints.length === 1 ? portsOf(record) : [],
          defaultRoute: leads === true,
        };
      }),
  );
}

function networkView(look: Look, network: Network): GraphNetwork {
  const bridge = linkNamed(look.host, network.bridge);
  return {
    name: network.name,
    driver: network.driver ?? "bridge",
    subnets: [network.subnet, network.subnet6].filter(
      (subnet) => subnet !== undefined && subnet !== "",
    ) as string[],
    internal: network.internal,
    icc: network.icc,
    masquerade: network.masquerade,
    bridge: bridge === undefined ? undefined : linkView(look.host, bridge),
    endpoints: endpointsOf(look, network).sort((one, other) => one.container.localeCompare(other.container)),
  };
}

/**
 * The map of the networks as the kernel has them now: all that are up or used, or those that are named.
 * @throws NotFoundError for a network that is not there.
 */
export async function drawGraph(instance: Instance, references: readonly string[] = []): Promise<Graph> {
  const chosen = new Set<string>();
  for (const reference of references) chosen.add((await findListedNetwork(instance, reference)).name);
  const networks = (await listNetworks(instance)).flatMap(({ definition }) => definition?.network ?? []);
  const records = listContainers(instance).filter(isLive);
  using participants = new Participants(networks);
  const host = look(participants.host.netns);
  const inside = new Map<string, Facts>();
  for (const record of records) {
    if (record.network.kind !== "bridge") continue;
    const open = participants.of(record, () => undefined);
    if (open !== undefined) inside.set(record.id, look(open.netns));
  }
  const all = { host, inside, records };
  const views = networks.map((network) => networkView(all, network));
  const shown = views.filter(({ name, bridge, endpoints }) =>
    chosen.size > 0 ? chosen.has(name) : bridge !== undefined || endpoints.length > 0,
  );
  const bridges = new Set(networks.map(({ bridge }) => bridge));
  const gateways = new Map(
    host.routes.flatMap(({ prefixLength, gateway, link }) =>
      prefixLength === 0 && gateway !== undefined ? [[linkOf(host, link)?.name, gateway] as const] : [],
    ),
  );
  const uplinks = host.links
    .filter((link) => link.name !== "lo" && link.master === undefined && !bridges.has(link.name))
    .filter((link) => gateways.has(link.name) || addressesOf(host, link).length > 0)
    .map((link) => ({ ...linkView(host, link), gateway: gateways.get(link.name) }));
  const named = new Map(records.map(({ id, name }) => [id, name]));
  const others = records.flatMap(({ name, network }) => {
    if (network.kind === "bridge") return [];
    const kind =
      network.kind === "container"
        ? `container:${named.get(network.container) ?? network.container.slice(0, 12)}`
        : network.kind;
    return [{ container: name, kind }];
  });
  return {
    networks: shown,
    uplinks,
    forwarding: host.sysctls["net/ipv4/ip_forward"] === "1",
    others: chosen.size > 0 ? [] : others,
  };
}

import { AF_INET, familyOf } from "../../../net/netlink/ip.ts";
import type { Network } from "../../../net/network.ts";
import { readPublications } from "../../../net/ports/state.ts";
import { isAddress } from "../../../net/why/block.ts";
import type { Mapping } from "../../../net/why/checks/nat.ts";
import { collectFacts } from "../../../net/why/collect.ts";
import { type Explanation, explainPath } from "../../../net/why/explain.ts";
import { isOwn } from "../../../net/why/facts.ts";
import { fail, type Hop } from "../../../net/why/hop.ts";
import type { Participant } from "../../../net/why/inquiry.ts";
import { NotFoundError, UsageError } from "../../core/errors.ts";
import type { Instance } from "../../core/paths.ts";
import { listNetworks } from "../networks.ts";
import type { ContainerRecord } from "../record.ts";
import { findContainer, isLive, listContainers } from "../refresh.ts";
import { checkName, lookUpName } from "./name.ts";
import { Participants } from "./participants.ts";
import { parseTarget, type Target } from "./target.ts";

/** The answer to `network why`, with the words of the question. */
export interface WhyAnswer extends Explanation {
  readonly from: string;
  readonly to: string;
  readonly protocol: string;
  readonly port?: number | undefined;
}

function findAny(instance: Instance, reference: string): ContainerRecord | undefined {
  try {
    return findContainer(instance, reference);
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}

/** What a container that has no namespace to look into is doing. */
function goneHop(record: ContainerRecord): Hop {
  const place = { at: record.name, what: "container" };
  const start = record.foreground ? [`mdocker gc`] : [`mdocker start ${record.name}`];
  if (record.state === "created") {
    return fail(place, "not-running", "created, never started", { mend: start });
  }
  if (record.state === "exited" || record.state === "dead" || record.state === "restarting") {
    const { exit } = record;
    const how = exit === undefined ? "" : ` with ${exit.code} at ${exit.at}`;
    const killed =
      record.state === "exited" && (exit === undefined || (exit.code === 137 && exit.reason === undefined));
    return fail(
      place,
      killed ? "namespace-gone" : "not-running",
      `${record.state}${how}: it has no network namespace any more`,
      {
        evidence: killed ? ["its processes were killed, and nobody asked mdocker for that"] : [],
        mend: start,
      },
    );
  }
  return fail(
    place,
    "namespace-gone",
    `is on record as ${record.state}, but its pid ${record.init?.pid ?? "?"} is gone`,
    {
      evidence: [`/proc/${record.init?.pid ?? "PID"}/ns/net cannot be opened`],
      mend: ["mdocker gc", ...start.filter((command) => command !== "mdocker gc")],
    },
  );
}

interface Resolved {
  readonly destination: string;
  readonly to: Participant | undefined;
  /** Port of the host that leads there. */
  readonly port?: number | undefined;
  /** What came of a name that is no container's. */
  readonly name?: Hop | undefined;
  /** Where to go instead: to the server that does not tell. */
  readonly instead?: { readonly protocol: "udp"; readonly port: number } | undefined;
}

/** Explains why one reaches the other, or does not. @throws UsageError for words that name nothing. */
export async function explainWhy(instance: Instance, fromWord: string, toWord: string): Promise<WhyAnswer> {
  const target = parseTarget(toWord);
  const records = listContainers(instance);
  const networks = (await listNetworks(instance)).flatMap(({ definition }) => definition?.network ?? []);
  using participants = new Participants(networks);
  const { host } = participants;
  const open = (record: ContainerRecord): Participant | undefined =>
    isLive(record) || record.state === "running"
      ? participants.of(record, (id) => records.find((one) => one.id === id))
      : undefined;
  const words = { from: fromWord, to: toWord, protocol: target.protocol, port: target.port };
  const stopped = (hop: Hop): WhyAnswer => ({
    ...words,
    hops: [hop],
    verdict: "unreachable",
    cause: hop,
    remarks: [],
    source: "?",
    destination: target.host,
  });
  const outside = fromWord === "outside";
  const fromRecord = fromWord === "host" || outside ? undefined : findContainer(instance, fromWord);
  const from = fromRecord === undefined ? host : open(fromRecord);
  if (from === undefined) return stopped(goneHop(fromRecord as ContainerRecord));
  const others = records
    .flatMap((record) => (isLive(record) ? (open(record) ?? []) : []))
    .filter(({ kind }) => kind === "container");
  const mappings: Mapping[] = readPublications(instance).flatMap((publication) =>
    publication.ports.flatMap((port) =>
      port.protocol === "sctp"
        ? []
        : [
            {
              container:
                records.find(({ id }) => id === publication.container)?.name ??
                publication.container.slice(0, 12),
              protocol: port.protocol,
              hostAddress: port.hostAddress,
              hostPort: port.hostPort,
              address:
                (port.hostAddress.includes(":") ? publication.address6 : undefined) ?? publication.address,
              containerPort: port.containerPort,
            },
          ],
    ),
  );
  const toRecord =
    ["host", "outside"].includes(target.host) || isAddress(target.host)
      ? undefined
      : findAny(instance, target.host);
  if (toRecord !== undefined && open(toRecord) === undefined) return stopped(goneHop(toRecord));
  const resolved =
    toRecord === undefined
      ? resolvePlace({ target, host, from, others, mappings })
      : outside
        ? resolveInside(target, host, open(toRecord) ?? host, mappings)
        : resolveContainer(from, open(toRecord) ?? host, networks);
  const named = toRecord?.name === target.host ? resolved.to : undefined;
  const name =
    resolved.name ??
    (named === undefined || named === from || from.kind === "host" || named.kind === "host"
      ? undefined
      : nameOf(from, target.host, named));
  const explanation = await explainPath({
    owner: instance.prefix,
    networks,
    mappings,
    host,
    from,
    to: resolved.to,
    others: others.filter((one) => one !== from && one !== resolved.to),
    protocol: resolved.instead?.protocol ?? target.protocol,
    destination: resolved.destination,
    name,
    outside,
    port: resolved.instead?.port ?? resolved.port ?? target.port,
  });
  return { ...words, ...explanation };
}

/** How the asker's own resolver knows a container. */
function nameOf(from: Participant, name: string, to: Participant): Hop {
  const theirs = to.given.map(({ network }) => network);
  const shared = theirs.filter((network) => from.given.some((one) => one.network === network));
  return checkName({
    from,
    name,
    lookup: lookUpName(from, name),
    expected: to.given
      .filter(({ network }) => shared.length === 0 || shared.includes(network))
      .map(({ address }) => address),
    shared,
    theirs: theirs[0],
  });
}

/** The address of a container that is nearest to the asker: on a network where both may talk, else its first. */
function resolveContainer(from: Participant, to: Participant, networks: readonly Network[]): Resolved {
  if (to === from) return { destination: "127.0.0.1", to };
  if (to.kind === "host") return { destination: gatewayOf(from) ?? "127.0.0.1", to };
  const shared = to.given.filter(({ network }) => from.given.some((one) => one.network === network));
  const open = shared.find(({ network }) => networks.find(({ name }) => name === network)?.icc !== false);
  const given = open ?? shared[0] ?? to.given[0];
  const address = given?.address || given?.address6;
  if (address === undefined) throw new UsageError(`${to.name} is on no network: it has no address`);
  return { destination: address, to };
}

/** A container as the outside would reach it: by a published port, else directly, as if it had a route there. */
function resolveInside(
  target: Target,
  host: Participant,
  to: Participant,
  mappings: readonly Mapping[],
): Resolved {
  const mapping = mappings.find(
    ({ container, containerPort, protocol, hostAddress = "0.0.0.0" }) =>
      container === to.name &&
      containerPort === target.port &&
      protocol === target.protocol &&
      !hostAddress.startsWith("127."),
  );
  if (mapping === undefined) return resolveContainer(host, to, []);
  const { addresses, links } = collectFacts(host.netns, AF_INET);
  const own = addresses.find(
    ({ link, address }) =>
      !address.startsWith("127.") && links.some(({ index, kind }) => index === link && kind !== "bridge"),
  );
  const all = mapping.hostAddress === undefined || mapping.hostAddress === "0.0.0.0";
  return {
    destination: all ? (own?.address ?? "127.0.0.1") : (mapping.hostAddress ?? ""),
    to,
    port: mapping.hostPort,
  };
}

function gatewayOf({ given, kind, netns }: Participant): string | undefined {
  if (kind === "host") return undefined;
  const gateway = given.find((one) => one.gateway !== undefined)?.gateway;
  if (gateway !== undefined) return gateway;
  return collectFacts(netns, AF_INET).routes.find((route) => route.prefixLength === 0)?.gateway;
}

/** A name that is no container's: where it leads, or, if nobody tells, the way to who should. */
function resolveName(question: PlaceQuestion): Resolved {
  const { target, from } = question;
  const lookup = lookUpName(from, target.host);
  const name = checkName({ from, name: target.host, lookup, expected: [], shared: [], theirs: undefined });
  const place = (host: string) => resolvePlace({ ...question, target: { ...target, host } });
  const [address] = lookup.addresses;
  if (address !== undefined) return { ...place(address), name };
  const [server] = lookup.servers;
  if (server === undefined)
    throw new NotFoundError(`${target.host}: no such container, and ${from.name} has no name server`);
  return { ...place(server), name, instead: { protocol: "udp", port: 53 } };
}

interface PlaceQuestion {
  readonly target: Target;
  readonly host: Participant;
  readonly from: Participant;
  readonly others: readonly Participant[];
  readonly mappings: readonly Mapping[];
}

/** `host`, `outside`, an address. */
function resolvePlace({ target, host, from, others, mappings }: PlaceQuestion): Resolved {
  if (target.host === "outside") {
    const routes = collectFacts(host.netns, AF_INET).routes;
    const gateway = routes.find(
      ({ prefixLength, gateway: by }) => prefixLength === 0 && by !== undefined,
    )?.gateway;
    // Without a default route any address of the outside will do: TEST-NET-2 of RFC 5737.
    return { destination: gateway ?? "198.51.100.1", to: undefined };
  }
  const destination = target.host === "host" ? (gatewayOf(from) ?? "127.0.0.1") : target.host;
  if (!isAddress(destination)) {
    return resolveName({ target, host, from, others, mappings });
  }
  if (
    !isOwn(collectFacts(host.netns, familyOf(destination)), destination) ||
    (destination.startsWith("127.") && from !== host)
  ) {
    const owner = others.find(({ given }) =>
      given.some(({ address, address6 }) => address === destination || address6 === destination),
    );
    return { destination, to: destination.startsWith("127.") ? from : owner };
  }
  const mapping = mappings.find(
    ({ protocol, hostPort, hostAddress = "0.0.0.0" }) =>
      protocol === target.protocol &&
      hostPort === target.port &&
      ["0.0.0.0", "::", destination].includes(hostAddress),
  );
  const behind = others.find(({ name }) => name === mapping?.container);
  return { destination, to: behind ?? host };
}

import { SyscallError } from "../../src/core/errors.ts";
import { insideNetns } from "../../src/sys/namespaces.ts";
import {
  dumpConnections,
  parseConnection,
  type TrackedConnection,
  withConntrack,
} from "../netlink/conntrack.ts";
import { AF_INET, AF_INET6, type Family } from "../netlink/ip.ts";
import type { LinkDetail } from "../netlink/link-detail.ts";
import { hasBridge } from "../network.ts";
import { answerFlow, translateBack } from "./answer.ts";
import type { Case } from "./case.ts";
import { checkEntries } from "./checks/conntrack.ts";
import { checkEnd, checkGateway } from "./checks/ends.ts";
import { checkWay } from "./checks/legs.ts";
import { intended } from "./checks/route.ts";
import { askRoute, collectAddresses, collectFacts } from "./collect.ts";
import { linkOf } from "./facts.ts";
import type { Hop } from "./hop.ts";
import type { Inquiry, Participant } from "./inquiry.ts";
import { collectListeners, type Listener } from "./listeners.ts";
import { findLoss } from "./loss.ts";
import { brief, type Patience, type ProbeResult, probe, type Seen, thorough } from "./probe.ts";
import { collectRulesets } from "./rulesets.ts";
import type { Given, Station } from "./station.ts";
import { type Verdict, weigh } from "./verdict.ts";
import { followPacket, type Scene, type Way } from "./way.ts";

/** Why one reaches the other, or does not. */
export interface Explanation extends Verdict {
  readonly hops: readonly Hop[];
  /** What really happened to a packet; absent where none could be sent. */
  readonly probe?: ProbeResult | undefined;
  /** The same to an echo request as long as the first link allows. */
  readonly large?: ProbeResult | undefined;
  readonly source: string;
  readonly destination: string;
}

async function stationOf(one: Participant, family: Family): Promise<Station> {
  const [rulesets, facts] = [collectRulesets(one.netns, family), collectFacts(one.netns, family)];
  return { ...one, facts, ...(await rulesets) };
}

function bystander(one: Participant, family: Family): Station {
  return { ...one, facts: collectAddresses(one.netns, family), tables: [], foreign: [] };
}

/** All namespaces that matter, looked into at nearly the same moment. */
async function lookAround(asked: Inquiry, family: Family): Promise<Scene> {
  const { host, from, to, others } = asked;
  const near = new Map<Participant, Station>();
  for (const one of new Set([host, from, ...(to === undefined ? [] : [to])])) {
    near.set(one, await stationOf(one, family));
  }
  const bridges = new Set(
    [from, ...(to === undefined ? [] : [to])].flatMap(({ given }) => given.map(({ bridge }) => bridge)),
  );
  const far = others
    .filter(({ given }) => given.some(({ bridge }) => bridges.has(bridge)) || to === undefined || to === host)
    .map((one) => [one, bystander(one, family)] as const);
  const all = new Map<Participant, Station>([...near, ...far]);
  const netns = new Map([...all].map(([one, station]) => [station, one.netns] as const));
  const the = (one: Participant): Station => {
    const station = all.get(one);
    if (station === undefined) throw new Error(`${one.name} was not looked at`);
    return station;
  };
  return {
    from: the(from),
    host: the(host),
    to: to === undefined ? undefined : the(to),
    stations: [...all.values()],
    route: (station, query) => askRoute(netns.get(station) ?? host.netns, query),
  };
}

function netnsOf({ from, host, to, others }: Inquiry, station: Station): number | undefined {
  return [from, host, ...(to === undefined ? [] : [to]), ...others].find(
    ({ name, kind }) => name === station.name && kind === station.kind,
  )?.netns;
}

function trackedConnections(netns: number, family: Family, port: number): TrackedConnection[] {
  const filter = { family, protocol: UDP, originalDestinationPort: port };
  try {
    return insideNetns(netns, () =>
      withConntrack((client) =>
        client.dump(dumpConnections(filter)).flatMap((one) => parseConnection(one) ?? []),
      ),
    );
  } catch (error) {
    // A kernel without ctnetlink.
    if (error instanceof SyscallError) return [];
    throw error;
  }
}

/** What mdocker gave the station that this path uses. */
function concerned(station: Station, way: Way | undefined, other: string): Given[] {
  const used = way?.legs.find((leg) => leg.station === station)?.out?.name;
  const meant = intended(station, other)?.given;
  return station.given.filter(
    (one) => one.ifname === used || one === meant || one.address === other || one.address6 === other,
  );
}

const UDP = 17;

/** Walks the path of a packet in the kernel's own tables, then sends one. */
export async function explainPath(asked: Inquiry): Promise<Explanation> {
  const { protocol, destination, port } = asked;
  const six = destination.includes(":");
  const family: Family = six ? AF_INET6 : AF_INET;
  const scene = await lookAround(asked, family);
  const flow = { protocol, destination, destinationPort: port };
  const entry = asked.outside === true ? uplinkOf(scene.host) : undefined;
  const there = followPacket(
    scene,
    entry === undefined
      ? { station: scene.from, flow }
      : { station: scene.host, incoming: entry.link, flow: { ...flow, source: entry.source } },
  );
  const back = followBack(scene, there);
  const last = there.legs.at(-1);
  const arrived = there.end === "delivered" ? last?.station : undefined;
  const listeners: Listener[] =
    arrived === undefined ? [] : collectListeners(netnsOf(asked, arrived) ?? asked.host.netns);
  const atHost = arrived === scene.host && port !== undefined;
  const containerListeners = atHost
    ? [...asked.others, asked.from].flatMap((one) =>
        one.kind === "host"
          ? []
          : collectListeners(one.netns).map((listener) => ({ container: one.name, listener })),
      )
    : [];
  const { owner, mappings } = asked;
  const networks = asked.networks.filter(hasBridge);
  const it: Case = { scene, owner, networks, mappings, listeners, containerListeners, there, back };
  const givenFrom = concerned(scene.from, there, destination);
  const givenTo =
    scene.to === undefined || scene.to === scene.from
      ? []
      : concerned(scene.to, back, there.flow.source || destination).concat(
          scene.to.given.filter(
            ({ address, address6 }) =>
              address === there.flow.destination || address6 === there.flow.destination,
          ),
        );
  const bridges = [...new Set([...givenFrom, ...givenTo].map(({ bridge }) => bridge))].filter(
    (name) => name !== "",
  );
  const gateways = networks.flatMap(({ gateway, gateway6 }) => [gateway, gateway6]);
  const routed = [...there.legs, ...(back?.legs ?? [])].some(
    ({ station, nextHop }) => station === scene.host || gateways.includes(nextHop),
  );
  const entries =
    port !== undefined && protocol === "udp" ? trackedConnections(asked.host.netns, family, port) : [];
  const hops: Hop[] = [
    ...checkEnd(it, scene.from, givenFrom, six),
    ...(scene.to === undefined || scene.to === scene.from
      ? []
      : checkEnd(it, scene.to, [...new Set(givenTo)], six)),
    ...(routed ? checkGateway(it, bridges, six) : []),
    ...checkWay(it, there, false),
    ...(port === undefined ? [] : [checkEntries(it, entries)].flatMap((hop) => hop ?? [])),
    ...(back === undefined ? [] : checkWay(it, back, true).map((hop) => ({ ...hop, back: true }))),
    ...(asked.name === undefined ? [] : [asked.name]),
  ];
  const watched = [...new Set([asked.from, asked.host, ...(asked.to === undefined ? [] : [asked.to])])];
  const source = there.legs[0]?.flow.source || "?";
  if (asked.outside === true) return { ...weigh(hops, undefined, undefined), hops, source, destination };
  const failed = hops.some(({ status }) => status === "fail");
  const patience = failed ? brief : thorough;
  const { result, seen } = probe(asked.from.netns, { protocol, destination, port, patience }, watched);
  const first = there.legs[0]?.out;
  const large =
    first !== undefined && first.name !== "lo"
      ? tryLarge(asked, there, { mtu: first.mtu, patience }, result)
      : undefined;
  const lost = result.outcome !== "answered" && result.open !== true;
  const unseen = lost && !failed ? await searchLoss(asked, it, seen) : undefined;
  const extra =
    large !== undefined && large.outcome !== "answered" && !failed
      ? [largeLost(scene.from, first?.mtu ?? 0, large)]
      : [];
  const all = [...hops, ...extra];
  return {
    ...weigh(all, result, unseen === undefined ? undefined : { fault: "unexplained", hop: unseen }),
    hops: all,
    probe: result,
    large,
    source,
    destination,
  };
}

/** Where the outside is: the link of the default route, and the router there. */
function uplinkOf({ facts }: Station): { readonly link: LinkDetail; readonly source: string } | undefined {
  const route = facts.routes.find(({ prefixLength, gateway }) => prefixLength === 0 && gateway !== undefined);
  const link = linkOf(facts, route?.link);
  return link === undefined || route?.gateway === undefined ? undefined : { link, source: route.gateway };
}

/** The way of the answer, from where the packet arrives or leaves our sight. */
function followBack(scene: Scene, there: Way): Way | undefined {
  const translatedBack = translateBack(there);
  const last = there.legs.at(-1);
  if (last === undefined || there.flow.source === "") return undefined;
  const flow = answerFlow(there.flow);
  if (there.end === "delivered") return followPacket(scene, { station: last.station, flow, translatedBack });
  if (there.end !== "beyond" || last.incoming === undefined) return undefined;
  const incoming = linkOf(last.station.facts, last.out?.index);
  return incoming === undefined
    ? undefined
    : followPacket(scene, { station: last.station, incoming, flow, translatedBack });
}

/** A long echo, where a short one came back: links that take only shorter packets swallow it. */
function tryLarge(
  asked: Inquiry,
  there: Way,
  { mtu, patience }: { readonly mtu: number; readonly patience: Patience },
  small: ProbeResult,
): ProbeResult | undefined {
  if (there.end !== "delivered" || small.outcome !== "answered") return undefined;
  const { destination } = asked;
  if (asked.protocol !== "icmp") {
    const short = probe(asked.from.netns, { protocol: "icmp", destination, patience }).result;
    if (short.outcome !== "answered") return undefined;
  }
  const size = Math.min(mtu, 65_000);
  return probe(asked.from.netns, { protocol: "icmp", destination, size, patience }).result;
}

function largeLost(from: Station, mtu: number, { said }: ProbeResult): Hop {
  return {
    at: from.name,
    what: "long packets",
    status: "fail",
    fault: "mtu",
    seen: `an echo request of ${mtu} bytes: ${said}; short ones are answered`,
    mend: [],
  };
}

async function searchLoss(asked: Inquiry, it: Case, seen: readonly Seen[]): Promise<Hop> {
  const family: Family = asked.destination.includes(":") ? AF_INET6 : AF_INET;
  const { from, host, to } = asked;
  const after: Station[] = [];
  for (const one of new Set([from, host, ...(to === undefined ? [] : [to])]))
    after.push(await stationOf(one, family));
  return findLoss(it, after, seen);
}

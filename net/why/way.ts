import type { LinkDetail } from "../netlink/link-detail.ts";
import type { RouteAnswer, RouteQuery } from "../netlink/route-lookup.ts";
import { addressesOf, isOwn, linkOf } from "./facts.ts";
import { evaluate, type RuleAt } from "./firewall/evaluate.ts";
import { hookPacket } from "./firewall/hooks.ts";
import type { Flow } from "./flow.ts";
import { type Apart, crossParent } from "./shared.ts";
import type { Station } from "./station.ts";

/** The kernel's answer to a route query, or the errno of its refusal: ENETUNREACH, EHOSTUNREACH, EXDEV... */
export type Routing = RouteAnswer | { readonly refused: string };

/** All that is known before a packet is followed. */
export interface Scene {
  readonly from: Station;
  readonly host: Station;
  /** Where it is to arrive, if that is a namespace we can look into. */
  readonly to: Station | undefined;
  /** Every namespace we know of, those above too. */
  readonly stations: readonly Station[];
  /** Asks the kernel, in the station's namespace. */
  readonly route: (station: Station, query: RouteQuery) => Routing;
}

/** A link, and the namespace that it is in. */
export interface LinkDetailAt {
  readonly station: Station;
  readonly link: LinkDetail;
}

/** A link that a packet crosses, and on which side of it. */
export interface Device extends LinkDetailAt {
  readonly role: "sender" | "port-in" | "bridge" | "port-out" | "receiver";
}

/** A translation of addresses on the way. */
export interface Translation {
  readonly station: Station;
  readonly kind: "destination" | "source";
  readonly by: RuleAt;
  readonly target: string;
  readonly before: Flow;
  readonly after: Flow;
}

/** From one namespace that routes to the next: one route, one wire. */
export interface Leg {
  readonly station: Station;
  /** Link that the packet came in by; absent where it begins. */
  readonly incoming?: LinkDetail | undefined;
  /** As it comes in, or is made. */
  readonly arriving: Flow;
  /** As it is routed: after the destination was translated. */
  readonly flow: Flow;
  /** As it leaves: after the source was translated. */
  readonly leaving: Flow;
  readonly translations: readonly Translation[];
  /** The errno, where the kernel refuses a packet that came in by `incoming`. */
  readonly refusedIncoming?: string | undefined;
  readonly routing: Routing;
  /** It has arrived: the destination is the station's own. */
  readonly local: boolean;
  readonly out?: LinkDetail | undefined;
  readonly nextHop?: string | undefined;
  readonly devices: readonly Device[];
  /** Whoever has the next hop's address on that wire. */
  readonly receiver?: LinkDetailAt | undefined;
  /** Somebody has it, and cannot be reached. */
  readonly apart?: Apart | undefined;
}

/** A packet's whole way. */
export interface Way {
  readonly legs: readonly Leg[];
  /** `delivered` to a station; `beyond` what we can look into; `refused` by a route; `nobody` has the next hop. */
  readonly end: "delivered" | "beyond" | "refused" | "nobody" | "circle";
  /** As it arrives. */
  readonly flow: Flow;
}

const RTN_LOCAL = 2;

/** What lies between a link and whoever has the next hop's address. */
export interface Crossing {
  readonly devices: readonly Device[];
  readonly receiver?: LinkDetailAt;
  readonly apart?: Apart;
  /** It leaves what we can look into. */
  readonly beyond?: boolean;
}

/** The other end of a container's veth: in the host, or in another container. */
export function otherEnd(
  { stations }: Pick<Scene, "stations">,
  station: Station,
  link: LinkDetail,
): LinkDetailAt | undefined {
  if (link.kind !== "veth") return undefined;
  for (const other of stations) {
    if ((other === station) === link.peerElsewhere) continue;
    const end = linkOf(other.facts, link.peer);
    if (end?.kind === "veth" && end.peer === link.index && end.peerElsewhere === link.peerElsewhere) {
      return { station: other, link: end };
    }
  }
  return undefined;
}

/** Who has an address on a bridge: the ports' other ends, then the host itself. */
export function ownersOn(
  scene: Pick<Scene, "stations" | "host">,
  bridge: LinkDetail,
  address: string,
): { readonly station: Station; readonly link: LinkDetail; readonly port?: LinkDetail }[] {
  const { host } = scene;
  const behind = host.facts.links
    .filter((port) => port.master === bridge.index)
    .flatMap((port) => {
      const end = otherEnd(scene, host, port);
      if (end === undefined || end.station === host) return [];
      // A namespace answers for all its addresses, on whichever of its links they are (arp_ignore 0).
      return isOwn(end.station.facts, address) && !address.startsWith("127.") ? [{ ...end, port }] : [];
    });
  const exact = behind.filter(({ station, link }) =>
    addressesOf(station.facts, link).some((one) => one.address === address),
  );
  const own = isOwn(host.facts, address) ? [{ station: host, link: bridge }] : [];
  return [...(exact.length > 0 ? exact : own.length > 0 ? [] : behind), ...own];
}

function throughBridge(
  scene: Scene,
  bridge: LinkDetail,
  before: readonly Device[],
  address: string,
): Crossing {
  const { host, to } = scene;
  const device: Device = { station: host, link: bridge, role: "bridge" };
  const portIn = before.find(({ role }) => role === "port-in")?.link;
  const owners = ownersOn(scene, bridge, address).filter(({ port }) => port === undefined || port !== portIn);
  const owner = owners.find(({ station }) => station === to) ?? owners[0];
  if (owner === undefined) return { devices: [...before, device] };
  const { station, link, port } = owner;
  if (port === undefined) return { devices: [...before, device], receiver: { station, link } };
  return {
    devices: [
      ...before,
      device,
      { station: host, link: port, role: "port-out" },
      { station, link, role: "receiver" },
    ],
    receiver: { station, link },
  };
}

function cross(scene: Scene, station: Station, out: LinkDetail, nextHop: string): Crossing {
  const sender: Device = { station, link: out, role: "sender" };
  const { host } = scene;
  if (station === host && out.kind === "bridge") return throughBridge(scene, out, [], nextHop);
  const end = otherEnd(scene, station, out);
  if (end !== undefined) {
    const bridge = end.station === host ? linkOf(host.facts, end.link.master) : undefined;
    if (bridge !== undefined)
      return throughBridge(scene, bridge, [sender, { ...end, role: "port-in" }], nextHop);
    const devices: Device[] = [sender, { ...end, role: "receiver" }];
    return isOwn(end.station.facts, nextHop) ? { devices, receiver: end } : { devices };
  }
  return crossParent(scene, { station, link: out }, nextHop) ?? { devices: [sender], beyond: true };
}

function withDestination(flow: Flow, to: string): Flow {
  const match = /^(?:\[([^\]]+)\]|([^:]+|[0-9a-f]*:[0-9a-f:]+))?(?::(\d+))?(?:-.*)?$/i.exec(to);
  const [, bracketed, plain, port] = match ?? [];
  const destination = (bracketed ?? plain ?? flow.destination).split("-")[0] ?? flow.destination;
  return {
    ...flow,
    destination,
    ...(port === undefined ? {} : { destinationPort: Number(port) }),
  };
}

/** What is to be followed. */
export interface Start {
  readonly station: Station;
  /** Link it comes in by; absent: it begins there. */
  readonly incoming?: LinkDetail | undefined;
  readonly flow: Omit<Flow, "source"> & { readonly source?: string | undefined };
  /** For the answer to a packet: what it makes of translated addresses at each station. */
  readonly translatedBack?: ((at: Station, flow: Flow) => Flow) | undefined;
}

/** Follows a packet until it is delivered, refused, or out of sight. */
export function followPacket(scene: Scene, start: Start): Way {
  const { translatedBack } = start;
  const answer = translatedBack !== undefined;
  const legs: Leg[] = [];
  let at = start.station;
  let incoming = start.incoming;
  let flow: Flow = { ...start.flow, source: start.flow.source ?? "" };
  if (incoming === undefined && flow.source === "") {
    // A socket chooses its address before the packet filter changes where the packet goes.
    const first = scene.route(at, { destination: flow.destination });
    if (!("refused" in first)) flow = { ...flow, source: first.source ?? "" };
  }
  for (let count = 0; count < 8; count += 1) {
    const arriving = flow;
    const translations: Translation[] = [];
    if (!answer) {
      for (const table of at.tables.filter(({ name }) => name === "nat")) {
        const packet = hookPacket(at, flow, { incoming: incoming?.name, answer });
        const decision = evaluate(table, incoming === undefined ? "OUTPUT" : "PREROUTING", packet);
        if (decision.verdict !== "translate" || decision.by === undefined) continue;
        const to = decision.target === "REDIRECT" ? `127.0.0.1:${decision.to ?? ""}` : (decision.to ?? "");
        const after = withDestination(flow, to);
        translations.push({
          station: at,
          kind: "destination",
          by: decision.by,
          target: decision.target ?? "",
          before: flow,
          after,
        });
        flow = after;
        break;
      }
    } else {
      flow = translatedBack(at, flow);
    }
    const { destination } = flow;
    const strict =
      incoming === undefined
        ? scene.route(at, { destination, source: answer ? flow.source : undefined })
        : scene.route(at, { destination, source: flow.source, incoming: incoming.index });
    const refusedIncoming = incoming !== undefined && "refused" in strict ? strict.refused : undefined;
    const routing = refusedIncoming === undefined ? strict : scene.route(at, { destination });
    const base = { station: at, incoming, arriving, refusedIncoming, routing };
    if ("refused" in routing) {
      legs.push({ ...base, flow, leaving: flow, translations, local: false, devices: [] });
      return { legs, end: "refused", flow };
    }
    if (flow.source === "") flow = { ...flow, source: routing.source ?? "" };
    if (routing.type === RTN_LOCAL) {
      legs.push({ ...base, flow, leaving: flow, translations, local: true, devices: [] });
      return { legs, end: "delivered", flow };
    }
    const out = linkOf(at.facts, routing.link);
    const nextHop = routing.gateway ?? destination;
    const routed = flow;
    if (out === undefined) {
      legs.push({ ...base, flow, leaving: flow, translations, local: false, devices: [], nextHop });
      return { legs, end: "beyond", flow };
    }
    if (!answer) {
      for (const table of at.tables.filter(({ name }) => name === "nat")) {
        const translated = translations[0]?.before;
        const packet = hookPacket(at, flow, { outgoing: out.name, answer, translated });
        const decision = evaluate(table, "POSTROUTING", packet);
        if (decision.verdict !== "translate" || decision.by === undefined) continue;
        const own = addressesOf(at.facts, out).find(
          ({ address }) => address.includes(":") === destination.includes(":"),
        );
        const source = decision.target === "MASQUERADE" ? own?.address : decision.to?.split(/[:-]/)[0];
        const after = { ...flow, source: source ?? flow.source };
        translations.push({
          station: at,
          kind: "source",
          by: decision.by,
          target: decision.target ?? "",
          before: flow,
          after,
        });
        flow = after;
        break;
      }
    }
    const { devices, receiver, beyond, apart } = cross(scene, at, out, nextHop);
    legs.push({
      ...base,
      flow: routed,
      leaving: flow,
      translations,
      local: false,
      out,
      nextHop,
      devices,
      receiver,
      apart,
    });
    if (receiver === undefined) return { legs, end: beyond === true ? "beyond" : "nobody", flow };
    at = receiver.station;
    incoming = receiver.link;
  }
  return { legs, end: "circle", flow };
}

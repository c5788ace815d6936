import { isInBlock } from "../block.ts";
import type { Case } from "../case.ts";
import { networkOfBridge } from "../case.ts";
import { linkNamed, linkOf } from "../facts.ts";
import { fail, type Hop, note, pass, suspect } from "../hop.ts";
import { enter, type Given, type Station } from "../station.ts";
import type { Leg } from "../way.ts";
import { mainTable } from "./main-table.ts";

const RT_TABLE_MAIN = 254;
const defaults = new Map([
  [0, 255],
  [32766, RT_TABLE_MAIN],
  [32767, 253],
]);

/** Rules of policy routing that are not the three that every namespace begins with, and that may concern the flow. */
function strayRules({ station, flow, incoming }: Leg) {
  return station.facts.rules.filter((rule) => {
    if (defaults.get(rule.priority) === rule.table && rule.source === undefined) return false;
    const source = rule.source === undefined || flow.source === "" || isInBlock(flow.source, rule.source);
    const destination = rule.destination === undefined || isInBlock(flow.destination, rule.destination);
    const link = rule.incoming === undefined || rule.incoming === incoming?.name;
    return rule.inverted || (source && destination && link);
  });
}

function describeRule(rule: ReturnType<typeof strayRules>[number]): string {
  const parts = [
    `${rule.priority}:`,
    rule.inverted ? "not" : "",
    `from ${rule.source ?? "all"}`,
    rule.destination === undefined ? "" : `to ${rule.destination}`,
    rule.incoming === undefined ? "" : `iif ${rule.incoming}`,
    rule.outgoing === undefined ? "" : `oif ${rule.outgoing}`,
    rule.mark === undefined ? "" : `fwmark ${rule.mark}`,
    rule.action === "lookup" ? `lookup ${rule.table}` : rule.action,
  ];
  return parts.filter((part) => part !== "").join(" ");
}

/** The interface and gateway that mdocker gave the container for such a destination. */
export function intended(
  station: Station,
  destination: string,
): { given: Given; gateway: string | undefined } | undefined {
  const six = destination.includes(":");
  const near = station.given.find((one) => {
    const [address, length] = six ? [one.address6, one.prefixLength6] : [one.address, one.prefixLength];
    return address !== undefined && length !== undefined && isInBlock(destination, `${address}/${length}`);
  });
  if (near !== undefined) return { given: near, gateway: undefined };
  const given = station.given.find((one) => (six ? one.gateway6 : one.gateway) !== undefined);
  return given === undefined ? undefined : { given, gateway: six ? given.gateway6 : given.gateway };
}

/** The command that puts the intended route back. */
function mendRoute(station: Station, destination: string): string[] {
  const wanted = intended(station, destination);
  if (wanted === undefined) return [];
  const { given, gateway } = wanted;
  const six = destination.includes(":") ? "-6 " : "";
  // A route that leads astray is in the way of the right one only if it is narrower.
  const main = mainTable(station.facts, destination);
  const narrower =
    main !== undefined && main.prefixLength > 0 && (gateway !== undefined || main.gateway !== undefined)
      ? [`${enter(station)}ip ${six}route delete ${main.destination}/${main.prefixLength}`]
      : [];
  const dev = `dev ${given.ifname}`;
  if (gateway !== undefined) {
    const there = station.facts.routes.some(
      (one) => one.prefixLength === 0 && one.table === RT_TABLE_MAIN && one.gateway === gateway,
    );
    return [
      ...narrower,
      ...(there && narrower.length > 0
        ? []
        : [`${enter(station)}ip ${six}route replace default via ${gateway} ${dev}`]),
    ];
  }
  if (narrower.length > 0) return narrower;
  const [address, length] =
    six === "" ? [given.address, given.prefixLength] : [given.address6, given.prefixLength6];
  return [`${enter(station)}ip ${six}route replace ${blockOf(`${address}/${length}`)} ${dev} src ${address}`];
}

function blockOf(block: string): string {
  const [address = "", length = ""] = block.split("/");
  if (address.includes(":")) return block;
  const bits = Number(length);
  const octets = address.split(".").map((octet, at) => {
    const kept = Math.min(8, Math.max(0, bits - at * 8));
    return Number(octet) & (0xff << (8 - kept)) & 0xff;
  });
  return `${octets.join(".")}/${length}`;
}

function internalHop(it: Case, station: Station, place: { at: string; what: string }): Hop | undefined {
  const internal = station.given.filter((given) => networkOfBridge(it, given.bridge)?.internal === true);
  if (station.given.length === 0 || internal.length < station.given.length) return undefined;
  const names = internal.map(({ network }) => network).join(", ");
  return fail(place, "internal", `network ${names} is internal: it has no way out`, {
    mend: [`mdocker network connect bridge ${station.name}`],
  });
}

/** Policy rules and the route of one leg: where the kernel sends the packet, against where it was meant to go. */
export function checkRoute(it: Case, leg: Leg): Hop[] {
  const { station, routing, flow, receiver } = leg;
  const place = { at: station.name, what: `route to ${flow.destination}` };
  const rules = strayRules(leg);
  const main = mainTable(station.facts, flow.destination);
  const hops: Hop[] = [];
  const [rule] = rules;
  const viaRule =
    rule !== undefined &&
    ("refused" in routing
      ? main !== undefined
      : !leg.local && (routing.link !== main?.link || routing.gateway !== main?.gateway));
  if (viaRule) {
    const where =
      "refused" in routing
        ? `refuses it (${routing.refused})`
        : `sends it ${routing.gateway === undefined ? "" : `via ${routing.gateway} `}dev ${linkOf(station.facts, routing.link)?.name}`;
    const six = flow.destination.includes(":") ? "-6 " : "";
    const trouble = {
      evidence: [
        `ip rule: ${rules.map(describeRule).join("; ")}`,
        `the main table would send it ${main?.gateway === undefined ? "" : `via ${main.gateway} `}dev ${linkOf(station.facts, main?.link)?.name ?? "nowhere"}`,
      ],
      mend: [`${enter(station)}ip ${six}rule delete pref ${rule.priority}`],
    };
    const seen = `rule ${describeRule(rule)} ${where}`;
    const policy = { at: station.name, what: "policy rules" };
    // Of the host itself, rules that lead packets out another way may well be meant so.
    const meant =
      station.kind === "host" &&
      receiver === undefined &&
      !("refused" in routing) &&
      main?.gateway !== undefined;
    hops.push(
      meant ? suspect(policy, "policy-rule", seen, trouble) : fail(policy, "policy-rule", seen, trouble),
    );
    if (!meant) return hops;
  } else {
    const count =
      rules.length === 0 ? "only the usual three" : `${rules.length} more, which change nothing here`;
    hops.push(pass({ at: station.name, what: "policy rules" }, count));
  }
  if ("refused" in routing) {
    const internal = station.kind === "container" ? internalHop(it, station, place) : undefined;
    if (internal !== undefined) return [...hops, internal];
    if (station.kind === "host") {
      const network = it.networks.find(({ subnet }) => isInBlock(flow.destination, subnet));
      const trouble =
        network === undefined
          ? { mend: ["ip route add default via GATEWAY"] }
          : {
              mend: [
                `ip address add ${network.gateway}/${network.subnet.split("/")[1]} dev ${network.bridge}`,
              ],
            };
      return [
        ...hops,
        fail(
          place,
          network === undefined ? "no-uplink" : "bridge-address",
          `the host has no route to it (${routing.refused})`,
          trouble,
        ),
      ];
    }
    return [
      ...hops,
      fail(place, main === undefined ? "no-route" : "wrong-route", `no way there: ${routing.refused}`, {
        evidence: [`routes: ${showRoutes(station)}`],
        mend: mendRoute(station, flow.destination),
      }),
    ];
  }
  if (leg.local) return [...hops, pass(place, "its own address: it has arrived")];
  const out = leg.out?.name ?? `link ${routing.link}`;
  const shown = `${routing.gateway === undefined ? "direct" : `via ${routing.gateway}`}, dev ${out}`;
  const wanted = station.kind === "container" ? intended(station, flow.destination) : undefined;
  if (wanted !== undefined) {
    const right = wanted.given.ifname === out && wanted.gateway === routing.gateway;
    if (right) return [...hops, pass(place, shown)];
    const meant = `${wanted.gateway === undefined ? "direct" : `via ${wanted.gateway}`}, dev ${wanted.given.ifname}`;
    const trouble = {
      evidence: [`routes: ${showRoutes(station)}`],
      mend: mendRoute(station, flow.destination),
    };
    // Another way may be a good one: as long as somebody is there who can pass it on.
    const good =
      receiver !== undefined && (receiver.station.kind === "host" || receiver.station === it.scene.to);
    return [
      ...hops,
      good
        ? note(place, `${shown}; it was given: ${meant}`)
        : fail(place, "wrong-route", `${shown}; it was given: ${meant}`, trouble),
    ];
  }
  if (station.kind === "host") {
    const network = it.networks.find(({ subnet, subnet6 }) =>
      isInBlock(flow.destination, flow.destination.includes(":") ? (subnet6 ?? "::/128") : subnet),
    );
    const bridge = network === undefined ? undefined : linkNamed(station.facts, network.bridge);
    if (network !== undefined && bridge !== undefined && routing.link !== bridge.index) {
      const narrow = main !== undefined && main.prefixLength > Number(network.subnet.split("/")[1]);
      const mend = narrow
        ? [`ip route delete ${main.destination}/${main.prefixLength}`]
        : [`ip address add ${network.gateway}/${network.subnet.split("/")[1]} dev ${network.bridge}`];
      return [
        ...hops,
        fail(
          place,
          narrow ? "wrong-route" : "bridge-address",
          `${shown}; ${network.subnet} is on ${network.bridge}`,
          { mend },
        ),
      ];
    }
  }
  return [...hops, pass(place, shown)];
}

function showRoutes({ facts }: Station): string {
  const shown = facts.routes
    .filter(({ table, type }) => table === RT_TABLE_MAIN && type !== 2 && type !== 3)
    .map(({ destination, prefixLength, gateway, link }) => {
      const to = prefixLength === 0 ? "default" : `${destination}/${prefixLength}`;
      const via = gateway === undefined ? "" : ` via ${gateway}`;
      return `${to}${via} dev ${linkOf(facts, link)?.name ?? "?"}`;
    });
  return shown.join("; ") || "none";
}

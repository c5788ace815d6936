import type {
  Graph,
  GraphCounters,
  GraphEndpoint,
  GraphLink,
  GraphNetwork,
  GraphState,
} from "../../container/graph/model.ts";
import { formatDecimalBytes } from "../../core/units.ts";
import type { Palette } from "../colour.ts";
import { widthOf } from "../table.ts";

/** A line of the tree: what cannot be left out, what follows as far as there is room, and what hangs below. */
interface Branch {
  readonly parts: readonly string[];
  readonly below?: readonly Branch[];
}

const marks: Readonly<Record<GraphState, readonly [mark: string, code: number]>> = {
  up: ["●", 32],
  "no-carrier": ["◐ no carrier", 33],
  down: ["○ down", 31],
  missing: ["✗ missing", 31],
};

function stateOf(state: GraphState, { colour }: Palette): string {
  const [mark, code] = marks[state];
  return colour(code, mark);
}

function countersOf({ rxBytes, txBytes, dropped }: GraphCounters, { dim, colour }: Palette): string {
  const lost = dropped === 0 ? "" : ` ${colour(31, `${dropped} dropped`)}`;
  return `${dim(`↓${formatDecimalBytes(rxBytes)} ↑${formatDecimalBytes(txBytes)}`)}${lost}`;
}

function impairmentsOf(direction: string, list: readonly string[], { colour }: Palette): Branch[] {
  return list.map((text) => ({ parts: [colour(33, `${direction}${text}`)] }));
}

function linkParts(link: GraphLink, colours: Palette): string[] {
  return [
    `${link.name} ${stateOf(link.state, colours)}`,
    link.addresses.join(" ") || colours.colour(31, "no address"),
    colours.dim(`mtu ${link.mtu}`),
    countersOf(link.counters, colours),
  ];
}

function endpointBranch(endpoint: GraphEndpoint, colours: Palette): Branch {
  const { container, ifname, state, addresses, hostEnd, impairments, ports, mtu, counters } = endpoint;
  const broken: string[] = [];
  if (hostEnd !== undefined && !hostEnd.attached) broken.push(`${hostEnd.name} is not attached`);
  else if (hostEnd?.state === "down") broken.push(`${hostEnd.name} is down`);
  return {
    parts: [
      `${colours.bold(container)} ${ifname} ${stateOf(state, colours)}`,
      addresses.join(" ") || colours.colour(31, "no address"),
      ...broken.map((text) => colours.colour(31, text)),
      ...(endpoint.defaultRoute ? [colours.dim("default route")] : []),
      colours.dim(`mtu ${mtu}`),
      countersOf(counters, colours),
      ...(hostEnd === undefined ? [] : [colours.dim(hostEnd.name)]),
    ],
    below: [
      ...ports.map((port) => ({ parts: [colours.colour(36, port)] })),
      ...impairmentsOf("out: ", impairments.out, colours),
      ...impairmentsOf("in: ", impairments.in, colours),
    ],
  };
}

function networkBranch(network: GraphNetwork, colours: Palette): Branch {
  const { name, driver, subnets, internal, icc, masquerade, bridge, endpoints } = network;
  const traits = [
    driver === "bridge" ? "" : driver,
    internal ? "internal" : masquerade ? "NAT" : "no NAT",
    icc ? "" : "icc off",
  ].filter((trait) => trait !== "");
  const members = endpoints.map((endpoint) => endpointBranch(endpoint, colours));
  const empty: Branch[] = members.length === 0 ? [{ parts: [colours.dim("no containers")] }] : [];
  const below =
    bridge === undefined
      ? members
      : [
          {
            parts: linkParts(bridge, colours),
            below: [...impairmentsOf("to containers: ", bridge.impairments, colours), ...members, ...empty],
          },
        ];
  const down = bridge === undefined && driver === "bridge" ? [colours.colour(31, "no bridge")] : [];
  return { parts: [`${colours.colour(36, name)} ${subnets.join(" ")}`, traits.join(", "), ...down], below };
}

/** As many parts on one line as there is room for; the rest on lines below it. */
function fill(parts: readonly string[], room: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const part of parts) {
    if (line === "") line = part;
    else if (widthOf(line) + 2 + widthOf(part) <= room) line += `  ${part}`;
    else {
      lines.push(line);
      line = `  ${part}`;
    }
  }
  return [...lines, line];
}

function draw(branches: readonly Branch[], indent: string, width: number, colours: Palette): string[] {
  return branches.flatMap(({ parts, below = [] }, at) => {
    const last = at === branches.length - 1;
    const [head = "", ...rest] = fill(parts, Math.max(20, width - indent.length - 3));
    const deeper = `${indent}${last ? "   " : "│  "}`;
    const under = below.length === 0 ? "" : "│";
    return [
      `${colours.dim(`${indent}${last ? "└─ " : "├─ "}`)}${head}`,
      ...rest.map((line) => `${colours.dim(`${deeper}${under}`)}${under === "" ? "  " : " "}${line}`),
      ...draw(below, deeper, width, colours),
    ];
  });
}

/** The map as a tree for a terminal of that width. */
export function renderGraph(graph: Graph, width: number, colours: Palette): string {
  const { uplinks, networks, forwarding, others } = graph;
  const outside = uplinks.map(
    (link): Branch => ({
      parts: [
        ...linkParts(link, colours),
        ...(link.gateway === undefined ? [] : [`default route via ${link.gateway}`]),
      ],
      below: impairmentsOf("out: ", link.impairments, colours),
    }),
  );
  const loose = others.map(
    ({ container, kind }): Branch => ({
      parts: [`${colours.bold(container)} ${colours.dim(`network ${kind}`)}`],
    }),
  );
  const none: Branch[] = networks.length === 0 ? [{ parts: [colours.dim("no network is up")] }] : [];
  const branches: Branch[] = [
    { parts: ["outside"], below: outside.length > 0 ? outside : [{ parts: [colours.dim("no way out")] }] },
    ...networks.map((network) => networkBranch(network, colours)),
    ...none,
    ...loose,
  ];
  const title = `${colours.bold("host")}  ${forwarding ? colours.dim("forwarding on") : colours.colour(33, "forwarding off")}`;
  return `${[title, ...draw(branches, "", width, colours)].join("\n")}\n`;
}

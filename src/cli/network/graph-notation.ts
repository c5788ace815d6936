import type { Graph, GraphEndpoint, GraphLink, GraphNetwork } from "../../container/graph/model.ts";

/** What a box or line of a drawing says, line by line. */
type Label = readonly string[];

const linkLabel = ({ name, state, addresses, impairments }: GraphLink): Label => [
  `${name}${state === "up" ? "" : ` (${state})`}`,
  ...addresses,
  ...impairments,
];

function containerLabel(endpoint: GraphEndpoint): Label {
  return [endpoint.container, ...endpoint.ports];
}

function wireLabel({ ifname, state, addresses, impairments }: GraphEndpoint): Label {
  return [
    `${ifname}${state === "up" ? "" : ` (${state})`}`,
    ...addresses,
    ...impairments.out.map((text) => `out: ${text}`),
    ...impairments.in.map((text) => `in: ${text}`),
  ];
}

const isWhole = ({ state, hostEnd }: GraphEndpoint): boolean =>
  state === "up" && (hostEnd === undefined || (hostEnd.attached && hostEnd.state === "up"));

function switchLabel({ name, subnets, bridge, internal }: GraphNetwork): Label {
  const link = bridge === undefined ? ["no bridge"] : linkLabel(bridge);
  return [`${name}${internal ? " (internal)" : ""}`, ...subnets, ...link];
}

/** Identifiers of both notations: letters, digits and underscores. */
function idOf(kind: string, name: string): string {
  return `${kind}_${name.replaceAll(/[^A-Za-z0-9]/g, (sign) => `_${sign.charCodeAt(0).toString(16)}_`)}`;
}

/** Each container once, however many networks it is on. */
function containersOf({ networks }: Graph): GraphEndpoint[] {
  const all = networks.flatMap(({ endpoints }) => endpoints);
  return all
    .map((endpoint) => ({
      ...endpoint,
      ports: all.find(({ id, ports }) => id === endpoint.id && ports.length > 0)?.ports ?? [],
    }))
    .filter(({ id }, at) => all.findIndex((one) => one.id === id) === at);
}

/** The map in the notation of mermaid, which markdown pages show as a drawing. */
export function renderMermaid(graph: Graph): string {
  const quote = (label: Label): string =>
    `"${label.map((line) => line.replaceAll("&", "#amp;").replaceAll('"', "#quot;").replaceAll("<", "#lt;").replaceAll(">", "#gt;")).join("<br/>")}"`;
  const { networks, uplinks, others } = graph;
  const lines = [
    "flowchart LR",
    `  outside((outside))`,
    `  host[${quote(["host", graph.forwarding ? "forwarding on" : "forwarding off"])}]`,
    ...uplinks.map((link) => `  outside ---|${quote(linkLabel(link))}| host`),
    ...networks.flatMap((network) => [
      `  ${idOf("net", network.name)}{{${quote(switchLabel(network))}}}`,
      `  host ---|${quote([network.bridge?.addresses[0] ?? ""])}| ${idOf("net", network.name)}`,
    ]),
    ...containersOf(graph).map((one) => `  ${idOf("c", one.id)}[${quote(containerLabel(one))}]`),
    ...networks.flatMap((network) =>
      network.endpoints.map(
        (one) =>
          `  ${idOf("net", network.name)} ${isWhole(one) ? "---" : "-.-"}|${quote(wireLabel(one))}| ${idOf("c", one.id)}`,
      ),
    ),
    ...others.map(
      ({ container, kind }) => `  ${idOf("o", container)}[${quote([container, `network ${kind}`])}]`,
    ),
  ];
  return `${lines.map((line) => line.replace('|""| ', "")).join("\n")}\n`;
}

/** The map in the notation of graphviz: `mdocker network graph --format dot | dot -Tsvg`. */
export function renderDot(graph: Graph): string {
  const quote = (label: Label): string =>
    `"${label.map((line) => line.replaceAll("\\", "\\\\").replaceAll('"', '\\"')).join("\\n")}"`;
  const { networks, uplinks, others } = graph;
  const lines = [
    "graph mdocker {",
    "  rankdir=LR; node [shape=box];",
    "  outside [shape=ellipse];",
    `  host [label=${quote(["host", graph.forwarding ? "forwarding on" : "forwarding off"])}];`,
    ...uplinks.map((link) => `  outside -- host [label=${quote(linkLabel(link))}];`),
    ...networks.flatMap((network) => [
      `  ${idOf("net", network.name)} [shape=hexagon, label=${quote(switchLabel(network))}];`,
      `  host -- ${idOf("net", network.name)};`,
    ]),
    ...containersOf(graph).map((one) => `  ${idOf("c", one.id)} [label=${quote(containerLabel(one))}];`),
    ...networks.flatMap((network) =>
      network.endpoints.map((one) => {
        const style = isWhole(one) ? "" : ", style=dashed, color=red";
        return `  ${idOf("net", network.name)} -- ${idOf("c", one.id)} [label=${quote(wireLabel(one))}${style}];`;
      }),
    ),
    ...others.map(
      ({ container, kind }) => `  ${idOf("o", container)} [label=${quote([container, `network ${kind}`])}];`,
    ),
    "}",
  ];
  return `${lines.join("\n")}\n`;
}

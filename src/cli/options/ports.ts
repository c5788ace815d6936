import { parseIpv4 } from "../../../net/ipv4.ts";
import { formatIpv6, parseIpv6 } from "../../../net/ipv6.ts";
import type { RunRequest } from "../../container/request.ts";
import { UsageError } from "../../core/errors.ts";
import type { NetworkRequest } from "../../core/network-request.ts";
import type { PortMapping } from "../../core/port-mapping.ts";
import { type Flags, type Given, refuse } from "../flags.ts";
import { splitPairs } from "../pairs.ts";

const expected =
  "[HOST-ADDRESS:][HOST-PORT:]PORT[/tcp|udp|sctp], such as 8080:80, 127.0.0.1:53:53/udp or [::]:80:80";

interface Range {
  readonly first: number;
  readonly last: number;
}

/** `80` or `8000-8010`. */
function rangeOf(given: Given, text: string): Range {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? match?.[1]);
  if (match === null) refuse(given, expected);
  if (first > 65_535 || last > 65_535) refuse(given, "ports up to 65535");
  if (last < first) refuse(given, `a range from a lower to a higher port, not ${text}`);
  return { first, last };
}

function protocolOf(given: Given, text: string): PortMapping["protocol"] {
  const name = text.toLowerCase();
  return name === "tcp" || name === "udp" || name === "sctp"
    ? name
    : refuse(given, "/tcp, /udp or /sctp at the end");
}

function addressOf(given: Given, text: string): string | undefined {
  if (text === "") return undefined;
  const v4 = parseIpv4(text);
  // From 224.0.0.0 on addresses are of groups, or of everybody (RFC 5771, RFC 919): no host has them.
  if (v4 !== undefined && v4 >= 0xe000_0000) refuse(given, "an address of the host before the ports");
  if (v4 !== undefined) return text;
  const v6 = parseIpv6(text);
  if (v6 === undefined)
    return refuse(given, `an IPv4 address, or an IPv6 address in brackets, before the ports`);
  if (v6 === 1n)
    refuse(given, "another address: the kernel leads nothing away from ::1; take 127.0.0.1, or [::] for all");
  if (v6 >> 32n === 0xffffn) refuse(given, "an IPv4 address written as one");
  return formatIpv6(v6);
}

/** The parts of `ADDRESS:HOST:CONTAINER`, each but the last perhaps empty. */
function partsOf(given: Given, text: string): { address: string; host: string; container: string } {
  const bracketed = /^\[([^\]]*)\]:([^:]*):([^:]+)$/.exec(text);
  if (bracketed !== null) {
    const [, address = "", host = "", container = ""] = bracketed;
    return { address, host, container };
  }
  const parts = text.split(":");
  if (parts.length > 3 || text.includes("["))
    refuse(given, `an IPv6 address in brackets and both ports: [::]:8080:80`);
  const [container = "", host = "", address = ""] = parts.reverse();
  return { address, host, container };
}

/** docker's long form, `published=8080,target=80,protocol=tcp`, as the short one. */
function shortForm(given: Given): string {
  if (!given.value.includes("=")) return given.value;
  const fields = new Map<string, string>();
  for (const [key, value = ""] of splitPairs(given)) {
    if (!["published", "target", "protocol", "mode"].includes(key))
      refuse(given, "keys of published, target and protocol");
    fields.set(key, value);
  }
  return `${fields.get("published") ?? ""}:${fields.get("target") ?? ""}/${fields.get("protocol") ?? "tcp"}`;
}

/** What one -p asks for: a mapping for each port of the container. @throws UsageError */
export function parsePublish(given: Given): PortMapping[] {
  const [ports = "", protocolText, ...more] = shortForm(given).split("/");
  if (more.length > 0) refuse(given, expected);
  const protocol = protocolOf(given, protocolText ?? "tcp");
  const parts = partsOf(given, ports);
  const container = rangeOf(given, parts.container);
  if (container.first === 0) refuse(given, "a port of the container from 1");
  const address = addressOf(given, parts.address);
  const host = parts.host === "" || parts.host === "0" ? undefined : rangeOf(given, parts.host);
  if (host?.first === 0) refuse(given, "ports of the host from 1; 0 alone is any free one");
  const count = container.last - container.first + 1;
  const hostCount = host === undefined ? count : host.last - host.first + 1;
  if (hostCount !== count && count !== 1)
    refuse(given, `as many ports of the host as of the container (${count}), or none`);
  return Array.from({ length: count }, (_, at) => ({
    protocol,
    containerPort: container.first + at,
    ...(address === undefined ? {} : { hostAddress: address }),
    ...(host === undefined ? {} : { hostPort: host.first + at }),
    ...(host !== undefined && hostCount > count ? { lastHostPort: host.last } : {}),
  }));
}

/** `80`, `80/udp`, `8000-8010/tcp` as `80/tcp`... @throws UsageError */
export function parseExpose(given: Given): string[] {
  const [ports = "", protocolText, ...more] = given.value.split("/");
  if (more.length > 0) refuse(given, "PORT[-PORT][/tcp|udp|sctp]");
  const protocol = protocolOf(given, protocolText ?? "tcp");
  const { first, last } = rangeOf(given, ports);
  if (first === 0) refuse(given, "a port from 1");
  return Array.from({ length: last - first + 1 }, (_, at) => `${first + at}/${protocol}`);
}

/**
 * The request's network with what is published, and the exposed ports.
 * @throws UsageError also where the container has no network of its own to publish ports of.
 */
export function readPorts(
  flags: Flags,
  network: NetworkRequest,
): Pick<RunRequest, "network" | "exposed" | "publishAll"> {
  const publish = flags.all("publish");
  const all = flags.flag("publish-all") === true;
  const [first] = publish;
  const exposed = [...new Set(flags.all("expose").flatMap(parseExpose))];
  if (network.kind !== "bridge" && (first !== undefined || all)) {
    const { from, value } = first ?? { from: "--publish-all", value: "" };
    const why = network.kind === "host" ? "its ports are the host's already" : "it has no ports of its own";
    throw new UsageError(
      `${`${from} ${value}`.trim()}: a container with --network ${network.kind} cannot publish ports: ${why}`,
    );
  }
  const ports = publish.flatMap(parsePublish);
  return {
    network: network.kind === "bridge" && ports.length > 0 ? { ...network, ports } : network,
    ...(exposed.length > 0 ? { exposed } : {}),
    ...(all ? { publishAll: true } : {}),
  };
}

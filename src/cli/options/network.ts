import { UsageError } from "../../core/errors.ts";
import type { Attachment, NetworkRequest } from "../../core/network-request.ts";
import { type Flags, type Given, refuse } from "../flags.ts";
import { field } from "../number.ts";
import type { OptionTable } from "../option-row.ts";
import {
  type Draft,
  nameInterfaces,
  readAlias,
  readAttachment,
  readIp,
  readIp6,
  readLinkLocal,
  readMac,
} from "./attachment.ts";

export const networkOptions: OptionTable = {
  heading: "Network:",
  rows: [
    {
      flags: "--net, --network <network>",
      about: "none, host, bridge (the default), container:NAME or NETWORK[:ip=,ip6=,ifname=,alias=,gw]",
    },
    { flags: "--network-alias <name>", about: "one more name on the network" },
    { flags: "--ip <address>", about: "fixed IPv4 address" },
    { flags: "--ip6 <address>", about: "fixed IPv6 address" },
    { flags: "--link-local-ip <address>", about: "one more address, of 169.254.0.0/16 or fe80::/10" },
    { flags: "--mac-address <mac>", about: "fixed MAC address" },
    {
      flags: "-p, --publish <ports>",
      about: "[ADDRESS:][HOST-PORT:]PORT[/udp]: a port of the host (localhost unless named) leads there",
    },
    { flags: "-P, --publish-all", about: "publish each exposed port on a free port of the host" },
    { flags: "--expose <port>", about: "a port that --publish-all publishes: PORT[-PORT][/udp]" },
  ],
};

/** Flags of one interface: refused where there is none, or more than one to mean. */
function fixedFlags(flags: Flags): Given[] {
  return ["ip", "ip6", "link-local-ip", "mac-address", "network-alias"].flatMap(
    (name) => flags.one(name) ?? [],
  );
}

function alone(flags: Flags, given: Given): void {
  if (flags.all("network").length > 1) {
    throw new UsageError(`${given.from} ${given.value} cannot be combined with other networks`);
  }
  const [fixed] = fixedFlags(flags);
  if (fixed !== undefined) {
    throw new UsageError(
      `${fixed.from}: a container with ${given.from} ${given.value} has no address of its own to set`,
    );
  }
}

/** How the container is connected; the default network unless told otherwise. @throws UsageError */
export function readNetwork(flags: Flags): NetworkRequest {
  const asked = flags.all("network");
  for (const given of asked) {
    const { value } = given;
    if (value === "none" || value === "host") {
      alone(flags, given);
      return { kind: value };
    }
    if (value.startsWith("container:")) {
      alone(flags, given);
      const container = value.slice("container:".length);
      if (!/^[a-zA-Z0-9][\w.-]*$/.test(container)) refuse(given, "container:NAME or container:ID");
      return { kind: "container", container };
    }
  }
  const drafts: Draft[] =
    asked.length === 0 ? [{ network: "bridge", ifname: undefined }] : asked.map(readAttachment);
  refuseSame(drafts);
  return { kind: "bridge", attachments: withFixed(flags, nameInterfaces(drafts)) };
}

function refuseSame(drafts: readonly Draft[]): void {
  for (const key of ["network", "ifname"] as const) {
    const given = drafts.flatMap((draft) => draft[key] ?? []);
    if (new Set(given).size < given.length) {
      throw new UsageError(`--network: the same ${key === "network" ? "network" : "interface name"} twice`);
    }
  }
  const first = drafts.filter(({ gatewayPriority }) => gatewayPriority === 1).map(({ network }) => network);
  if (first.length > 1)
    throw new UsageError(`--network: gw on ${first.join(" and ")}: the default route leads by one of them`);
}

function withFixed(flags: Flags, drafts: readonly Attachment[]): Attachment[] {
  const [fixed] = fixedFlags(flags);
  const [first, ...rest] = drafts;
  if (fixed === undefined || first === undefined) return [...drafts];
  if (rest.length > 0) {
    throw new UsageError(`${fixed.from}: which of the networks? say --network name=NAME,ip=...,alias=...`);
  }
  const [ip, ip6, mac] = [flags.one("ip"), flags.one("ip6"), flags.one("mac-address")];
  const [aliases, linkLocal] = [flags.all("network-alias"), flags.all("link-local-ip")];
  return [
    {
      ...first,
      ...field("address", ip === undefined ? undefined : readIp(ip)),
      ...field("address6", ip6 === undefined ? undefined : readIp6(ip6)),
      ...field("mac", mac === undefined ? undefined : readMac(mac)),
      ...field(
        "linkLocal",
        linkLocal.length > 0 ? [...(first.linkLocal ?? []), ...linkLocal.map(readLinkLocal)] : undefined,
      ),
      ...field(
        "aliases",
        aliases.length > 0 ? [...(first.aliases ?? []), ...aliases.map(readAlias)] : undefined,
      ),
    },
  ];
}

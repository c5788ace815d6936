import { parseIpv4 } from "../../../net/ipv4.ts";
import { isMac } from "../../../net/netlink/mac.ts";
import { UsageError } from "../../core/errors.ts";
import type { Attachment, NetworkRequest } from "../../core/network-request.ts";
import { type Flags, type Given, refuse } from "../flags.ts";
import { field } from "../number.ts";
import type { OptionTable } from "../option-row.ts";
import { splitPairs } from "../pairs.ts";

export const networkOptions: OptionTable = {
  heading: "Network:",
  rows: [
    {
      flags: "--net, --network <network>",
      about: "none, host, bridge (the default), container:NAME or name=NETWORK,ip=...,alias=...,ifname=...",
    },
    { flags: "--network-alias <name>", about: "one more name on the network" },
    { flags: "--ip <address>", about: "fixed IPv4 address" },
    { flags: "--mac-address <mac>", about: "fixed MAC address" },
    {
      flags: "-p, --publish <ports>",
      about: "[ADDRESS:][HOST-PORT:]PORT[/udp]: a port of the host (localhost unless named) leads there",
    },
    { flags: "-P, --publish-all", about: "publish each exposed port on a free port of the host" },
    { flags: "--expose <port>", about: "a port that --publish-all publishes: PORT[-PORT][/udp]" },
  ],
};

const namePattern = /^[a-zA-Z0-9][\w.-]{0,63}$/;
/** IFNAMSIZ is 16 with its zero byte; / and : the kernel refuses (dev_valid_name). */
const ifnamePattern = /^[^\s/:]{1,15}$/;

function checkAddress(given: Given): string {
  return parseIpv4(given.value) === undefined
    ? refuse(given, "an IPv4 address such as 10.200.1.7")
    : given.value;
}

function checkMac(given: Given): string {
  if (!isMac(given.value)) refuse(given, "a MAC address such as 02:42:0a:c8:01:07");
  // The lowest bit of the first octet marks a group of stations (IEEE 802).
  if (Number.parseInt(given.value.slice(0, 2), 16) & 1)
    refuse(given, "a unicast MAC address: an even first octet");
  if (/^[0:]+$/.test(given.value)) refuse(given, "a MAC address other than all zeros");
  return given.value.toLowerCase();
}

function checkAlias(given: Given): string {
  return /^[a-z0-9]([\w.-]*[a-z0-9])?$/i.test(given.value) ? given.value : refuse(given, "a host name");
}

type Draft = { -readonly [K in keyof Attachment]: Attachment[K] };

/** `NAME`, or docker's long form `name=NAME,ip=...`. */
function parseAttachment(given: Given, index: number): Draft {
  const draft: Draft = { network: given.value, ifname: `eth${index}` };
  if (given.value.includes("=")) {
    draft.network = "bridge";
    const aliases: string[] = [];
    for (const [key, value = ""] of splitPairs(given)) {
      const part = { value, from: `${given.from} ${key}` };
      if (key === "name") draft.network = value;
      else if (key === "ip") draft.address = checkAddress(part);
      else if (key === "mac-address") draft.mac = checkMac(part);
      else if (key === "alias") aliases.push(checkAlias(part));
      else if (key === "ifname" && ifnamePattern.test(value) && !/^(lo|\.\.?)$/.test(value))
        draft.ifname = value;
      else refuse(given, "keys of name, ip, alias, mac-address and ifname (up to 15 characters)");
    }
    if (aliases.length > 0) draft.aliases = aliases;
  }
  // docker calls its default network so, too.
  if (draft.network === "default") draft.network = "bridge";
  if (!namePattern.test(draft.network) || draft.network === "none" || draft.network === "host") {
    refuse(given, "none, host, bridge, container:NAME or the name of a network");
  }
  return draft;
}

/** Flags of one interface: refused where there is none, or more than one to mean. */
function fixedFlags(flags: Flags): Given[] {
  return ["ip", "mac-address", "network-alias"].flatMap((name) => flags.one(name) ?? []);
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
  const drafts = asked.length === 0 ? [{ network: "bridge", ifname: "eth0" }] : asked.map(parseAttachment);
  for (const key of ["network", "ifname"] as const) {
    if (new Set(drafts.map((draft) => draft[key])).size < drafts.length) {
      throw new UsageError(`--network: the same ${key === "network" ? "network" : "interface name"} twice`);
    }
  }
  return { kind: "bridge", attachments: withFixed(flags, drafts) };
}

function withFixed(flags: Flags, drafts: readonly Attachment[]): Attachment[] {
  const [fixed] = fixedFlags(flags);
  const [first, ...rest] = drafts;
  if (fixed === undefined || first === undefined) return [...drafts];
  if (rest.length > 0) {
    throw new UsageError(`${fixed.from}: which of the networks? say --network name=NAME,ip=...,alias=...`);
  }
  const [ip, mac, aliases] = [flags.one("ip"), flags.one("mac-address"), flags.all("network-alias")];
  return [
    {
      ...first,
      ...field("address", ip === undefined ? undefined : checkAddress(ip)),
      ...field("mac", mac === undefined ? undefined : checkMac(mac)),
      ...field(
        "aliases",
        aliases.length > 0 ? [...(first.aliases ?? []), ...aliases.map(checkAlias)] : undefined,
      ),
    },
  ];
}

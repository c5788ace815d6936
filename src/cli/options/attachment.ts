import { parseIpv4 } from "../../../net/ipv4.ts";
import { formatIpv6, parseIpv6 } from "../../../net/ipv6.ts";
import { isMac } from "../../../net/netlink/mac.ts";
import type { Attachment } from "../../core/network-request.ts";
import { type Given, parseSwitch, refuse } from "../flags.ts";
import { wholeNumber } from "../number.ts";
import { splitPairs } from "../pairs.ts";

/* What is asked of one interface: by run's flags, by --network NAME:KEY=VALUE,..., and by network connect. */

const namePattern = /^[a-zA-Z0-9][\w.-]{0,63}$/;
/** IFNAMSIZ is 16 with its zero byte; / and : the kernel refuses (dev_valid_name). */
const ifnamePattern = /^[^\s/:]{1,15}$/;

/** An IPv4 address. @throws UsageError */
export function readIp(given: Given): string {
  return parseIpv4(given.value) === undefined
    ? refuse(given, "an IPv4 address such as 10.200.1.7")
    : given.value;
}

/** An IPv6 address, in canonical form. @throws UsageError */
export function readIp6(given: Given): string {
  const value = parseIpv6(given.value);
  return value === undefined ? refuse(given, "an IPv6 address such as fd00::7") : formatIpv6(value);
}

/** An address of 169.254.0.0/16 (RFC 3927) or fe80::/10 (RFC 4291). @throws UsageError */
export function readLinkLocal(given: Given): string {
  const expected = "a link-local address such as 169.254.7.7 or fe80::7";
  if (given.value.startsWith("169.254.") && parseIpv4(given.value) !== undefined) return given.value;
  const value = parseIpv6(given.value);
  if (value === undefined || value >> 118n !== 0x3fan) return refuse(given, expected);
  return formatIpv6(value);
}

/** A MAC address that an interface can have. @throws UsageError */
export function readMac(given: Given): string {
  if (!isMac(given.value)) refuse(given, "a MAC address such as 02:42:0a:c8:01:07");
  // The lowest bit of the first octet marks a group of stations (IEEE 802).
  if (Number.parseInt(given.value.slice(0, 2), 16) & 1)
    refuse(given, "a unicast MAC address: an even first octet");
  if (/^[0:]+$/.test(given.value)) refuse(given, "a MAC address other than all zeros");
  return given.value.toLowerCase();
}

/** A host name. @throws UsageError */
export function readAlias(given: Given): string {
  return /^[a-z0-9]([\w.-]*[a-z0-9])?$/i.test(given.value) ? given.value : refuse(given, "a host name");
}

/** A name for an interface. @throws UsageError */
export function readIfname(given: Given): string {
  if (ifnamePattern.test(given.value) && !/^(lo|\.\.?)$/.test(given.value)) return given.value;
  return refuse(given, "an interface name of up to 15 characters, other than lo");
}

/** A place in the order of gateways; docker's range. @throws UsageError */
export function readPriority(given: Given): number {
  return wholeNumber(given, -2_147_483_648, 2_147_483_647);
}

const endpointIfname = "com.docker.network.endpoint.ifname";

/** docker's name for ifname; other driver options of an interface there are none. @throws UsageError */
export function readDriverOption(given: Given): string {
  const [key, value = ""] = given.value.split(/=(.*)/s);
  if (key !== endpointIfname) refuse(given, `${endpointIfname}=NAME`);
  return readIfname({ ...given, value });
}

/** An interface as it was asked for: without a name of its own it gets the next ethN. */
export type Draft = {
  -readonly [K in keyof Attachment]: Attachment[K] | (K extends "ifname" ? undefined : never);
};

const keys = "name, ip, ip6, ifname, gw, gw-priority, alias, mac-address, link-local-ip and driver-opt";

function readKey(draft: Draft, key: string, part: Given, whole: Given): void {
  switch (key) {
    case "name":
      draft.network = part.value;
      break;
    case "ip":
      draft.address = readIp(part);
      break;
    case "ip6":
      draft.address6 = readIp6(part);
      break;
    case "mac":
    case "mac-address":
      draft.mac = readMac(part);
      break;
    case "alias":
      draft.aliases = [...(draft.aliases ?? []), readAlias(part)];
      break;
    case "link-local-ip":
      draft.linkLocal = [...(draft.linkLocal ?? []), readLinkLocal(part)];
      break;
    case "ifname":
      draft.ifname = readIfname(part);
      break;
    case "driver-opt":
      draft.ifname = readDriverOption(part);
      break;
    case "gw":
      draft.gatewayPriority = part.value === "" || parseSwitch(part) ? 1 : undefined;
      break;
    case "gw-priority":
      draft.gatewayPriority = readPriority(part);
      break;
    default:
      refuse(whole, `keys of ${keys}`);
  }
}

/** `NAME`, `NAME:ip=...,gw`, or docker's `name=NAME,ip=...`. @throws UsageError */
export function readAttachment(given: Given): Draft {
  const { value, from } = given;
  const [, name, list] = /^([a-zA-Z0-9][\w.-]*):(.*)$/s.exec(value) ?? [];
  if (list === "") refuse(given, "NETWORK:KEY=VALUE,...");
  const draft: Draft = { network: name ?? value, ifname: undefined };
  const pairs = list ?? (value.includes("=") ? value : undefined);
  if (pairs !== undefined) {
    if (name === undefined) draft.network = "bridge";
    for (const [key, text = ""] of splitPairs({ ...given, value: pairs }))
      readKey(draft, key, { value: text, from: `${from} ${key}` }, given);
  }
  // docker calls its default network so, too.
  if (draft.network === "default") draft.network = "bridge";
  if (!namePattern.test(draft.network) || draft.network === "none" || draft.network === "host")
    refuse(given, "none, host, bridge, container:NAME or the name of a network");
  return draft;
}

/** Gives each interface without a name the first ethN that no other has. */
export function nameInterfaces(drafts: readonly Draft[]): Attachment[] {
  const taken = new Set(drafts.map(({ ifname }) => ifname));
  let next = 0;
  return drafts.map(({ ifname, ...draft }) => {
    if (ifname !== undefined) return { ...draft, ifname };
    while (taken.has(`eth${next}`)) next += 1;
    taken.add(`eth${next}`);
    return { ...draft, ifname: `eth${next}` };
  });
}

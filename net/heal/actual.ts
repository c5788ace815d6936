import { readFileSync } from "node:fs";
import { hasErrno } from "../../src/core/errors.ts";
import { formatIpv4, ipv4, ipv4Block, lastOf } from "../ipv4.ts";
import { formatIpv6, ipv6, ipv6Block, lastOf6 } from "../ipv6.ts";
import { dumpAddresses, type LinkAddress, parseAddress } from "../netlink/address.ts";
import type { NetlinkClient } from "../netlink/client.ts";
import { dumpFdb, parseFdbEntry } from "../netlink/fdb.ts";
import { AF_INET, AF_INET6 } from "../netlink/ip.ts";
import { dumpLinks, type Link, parseLink } from "../netlink/link.ts";
import { matchRoute, parseRoute } from "../netlink/route.ts";
import type { WantedLink, WantedSetting } from "./wanted.ts";

/** The host as it is, as far as it is asked after. */
export interface Actual {
  readonly links: readonly Link[];
  readonly addresses: readonly LinkAddress[];
  /** Where frames to all are sent by tunnel ends, where that is asked after. */
  readonly floods: readonly { readonly link: number; readonly remote: string }[];
  /** The subnets, of those that are asked after, that no route leads to. */
  readonly unreached: ReadonlySet<string>;
  /** By path; undefined for one that is not there. */
  readonly settings: ReadonlyMap<string, string | undefined>;
}

/** Some address of a subnet that is not the host's own: that one is always reached. */
function otherAddress(subnet: string, own: string): string {
  if (subnet.includes(":")) {
    const last = lastOf6(ipv6Block(subnet));
    return formatIpv6(last === ipv6(own) ? last - 1n : last);
  }
  // The last of them is the broadcast address.
  const last = lastOf(ipv4Block(subnet)) - 1;
  return formatIpv4(last === ipv4(own) ? last - 1 : last);
}

/** True when no route of the subnet's own, or a closer one, leads there. */
function isUnreached(client: NetlinkClient, subnet: string, own: string): boolean {
  try {
    const route = parseRoute(client.get(matchRoute(otherAddress(subnet, own))));
    return route.prefixLength < Number(subnet.split("/")[1]);
  } catch (error) {
    if (hasErrno(error, "ENETUNREACH", "EHOSTUNREACH", "EACCES", "EINVAL")) return true;
    throw error;
  }
}

function readSetting(path: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/${path}`, "utf8").trim();
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

function readFloods(client: NetlinkClient): Actual["floods"] {
  return client
    .dump(dumpFdb())
    .map(parseFdbEntry)
    .flatMap(({ mac, link, destination: remote }) =>
      mac === "00:00:00:00:00:00" && remote !== undefined ? [{ link, remote }] : [],
    );
}

/** Looks at the network namespace that this thread is in. @throws SyscallError */
export function readActual(
  client: NetlinkClient,
  links: readonly WantedLink[],
  settings: readonly WantedSetting[],
): Actual {
  const found = client.dump(dumpLinks()).map(parseLink);
  const addresses = ([AF_INET, AF_INET6] as const).flatMap((family) =>
    client.dump(dumpAddresses(0, family)).map(parseAddress),
  );
  const subnets = links.flatMap((link) => link.addresses);
  return {
    links: found,
    addresses,
    floods: links.some(({ floods = [] }) => floods.length > 0) ? readFloods(client) : [],
    unreached: new Set(
      subnets
        .filter(({ subnet, address }) => isUnreached(client, subnet, address))
        .map(({ subnet }) => subnet),
    ),
    settings: new Map(settings.map(({ sysctl }) => [sysctl.path, readSetting(sysctl.path)])),
  };
}

import { SetupError } from "../src/core/errors.ts";
import { formatIpv4, type Ipv4Block, ipv4, ipv4Block, overlap } from "./ipv4.ts";
import { ipv6, ipv6Block, overlap6 } from "./ipv6.ts";
import type { NetlinkClient } from "./netlink/client.ts";
import { AF_INET, AF_INET6, type Family } from "./netlink/ip.ts";
import { getLink, parseLink } from "./netlink/link.ts";
import { dumpRoutes, parseRoute, type Route, RT_TABLE_MAIN, RTN_UNICAST } from "./netlink/route.ts";
import type { Network } from "./network.ts";

/** The routes that decide where the host's packets go. */
export function mainRoutes(client: NetlinkClient, family: Family = AF_INET): Route[] {
  return client
    .dump(dumpRoutes(family))
    .map(parseRoute)
    .filter(({ table, type }) => table === RT_TABLE_MAIN && type === RTN_UNICAST);
}

function colliding(subnet: string, routes: readonly Route[]): Route | undefined {
  const block = ipv4Block(subnet);
  return routes.find(
    // Every subnet is part of the default route.
    ({ destination, prefixLength }) =>
      prefixLength > 0 && overlap(block, { base: ipv4(destination), prefixLength }),
  );
}

function colliding6(subnet: string, routes: readonly Route[]): Route | undefined {
  const block = ipv6Block(subnet);
  return routes.find(
    ({ destination, prefixLength }) =>
      prefixLength > 0 && overlap6(block, { base: ipv6(destination), prefixLength }),
  );
}

/** The first /24 of 10.200.0.0/16 and the blocks after it that no route touches, nor any of `taken`. */
export function freeSubnet(routes: readonly Route[], taken: readonly Ipv4Block[] = []): string | undefined {
  for (let base = ipv4("10.200.1.0"); base <= ipv4("10.255.255.0"); base += 256) {
    const subnet = `${formatIpv4(base)}/24`;
    if (taken.some((block) => overlap(block, { base, prefixLength: 24 }))) continue;
    if (colliding(subnet, routes) === undefined) return subnet;
  }
  return undefined;
}

/**
 * Refuses a network whose addresses the host already routes elsewhere: it would cut the host off from them.
 * @throws SetupError that names the route and what to do.
 */
export function refuseCollision(client: NetlinkClient, network: Network, ownLink: number | undefined): void {
  const { name, subnet, subnet6 } = network;
  const foreign = (family: Family) =>
    mainRoutes(client, family).filter(({ link }) => link === undefined || link !== ownLink);
  const refuse = (own: string, route: Route, mend: string): never => {
    const device = route.link === undefined ? "" : ` dev ${parseLink(client.get(getLink(route.link))).name}`;
    throw new SetupError(
      `network ${name}: ${own} overlaps the host's route ` +
        `${route.destination}/${route.prefixLength}${device}: ${mend}`,
    );
  };
  const routes = foreign(AF_INET);
  const route = subnet === "" ? undefined : colliding(subnet, routes);
  if (route !== undefined) {
    const free = freeSubnet(routes);
    const advice = free === undefined ? "a free one" : `a free one, such as ${free}`;
    const how = name === "bridge" ? "set MDOCKER_SUBNET to" : "create it again with --subnet,";
    refuse(subnet, route, `${how} ${advice}`);
  }
  const route6 = subnet6 === undefined ? undefined : colliding6(subnet6, foreign(AF_INET6));
  if (route6 !== undefined) refuse(subnet6 ?? "", route6, "create it again with another --subnet");
}

/** MTU of the interface that the default route leaves by; 1500 without one. */
export function defaultRouteMtu(client: NetlinkClient): number {
  const [best] = mainRoutes(client)
    .filter(({ prefixLength, link }) => prefixLength === 0 && link !== undefined)
    .sort((one, other) => one.metric - other.metric);
  return best?.link === undefined ? 1500 : parseLink(client.get(getLink(best.link))).mtu;
}

import { insideNetns } from "../../src/sys/namespaces.ts";
import { insideSteps } from "../endpoint-steps.ts";
import { findLink } from "../link.ts";
import { dumpAddresses, parseAddress } from "../netlink/address.ts";
import { type NetlinkClient, withNetlink } from "../netlink/client.ts";
import { AF_INET, AF_INET6, type Family, familyOf } from "../netlink/ip.ts";
import { dumpRoutes, parseRoute, RT_TABLE_MAIN, RTN_UNICAST } from "../netlink/route.ts";
import type { NetlinkStep } from "../step.ts";
import type { Mend, WantedEndpoint } from "./mend.ts";
import { withHolder } from "./perform.ts";

function hasDefaultRoute(client: NetlinkClient, family: Family): boolean {
  return client
    .dump(dumpRoutes(family))
    .map(parseRoute)
    .some((one) => one.table === RT_TABLE_MAIN && one.type === RTN_UNICAST && one.prefixLength === 0);
}

/** What a step would bring that is not there; undefined when it is. */
function faultOf(client: NetlinkClient, step: NetlinkStep): string | undefined {
  switch (step.kind) {
    case "up":
      return findLink(client, step.link)?.up === true ? undefined : `${step.link} was down`;
    case "new-address": {
      const { link, address, prefixLength } = step;
      const index = findLink(client, link)?.index;
      const there = client
        .dump(dumpAddresses(0, familyOf(address)))
        .map(parseAddress)
        .some((one) => one.link === index && one.address === address && one.prefixLength === prefixLength);
      return there ? undefined : `${link} had no address ${address}/${prefixLength}`;
    }
    case "default-route": {
      const { gateway, family = gateway === undefined ? AF_INET : familyOf(gateway), link = "" } = step;
      if (hasDefaultRoute(client, family)) return undefined;
      const kind = family === AF_INET6 ? "IPv6 default" : "default";
      return `there was no ${kind} route by ${gateway ?? link}`;
    }
    default:
      return undefined;
  }
}

/**
 * What of its interface is missing inside a container: that it is up, its addresses, a default route. What somebody has
 * added or changed there stays. Looks into its network namespace.
 */
export function insideMends(wanted: WantedEndpoint): Mend[] {
  const { endpoint, container } = wanted;
  const mends: Mend[] = [];
  // Where the host has no end, the container's own is what was unplugged, and has lost what it is to get back then.
  if (wanted.unplugged && endpoint.hostName === "") return mends;
  withHolder(wanted, (netns) =>
    insideNetns(netns, () =>
      withNetlink((client) => {
        const { find, setUp } = insideSteps(endpoint);
        const steps = [...find.filter(({ kind }) => kind === "up"), ...setUp];
        if (findLink(client, endpoint.ifname) === undefined) return;
        for (const step of steps) {
          const fault = faultOf(client, step);
          if (fault === undefined) continue;
          mends.push({
            key: `container ${container}: ${fault}`,
            network: endpoint.network,
            container,
            faults: [`inside container ${container}: ${fault}`],
            act: { kind: "inside", steps: [step], endpoint: wanted },
          });
        }
      }),
    ),
  );
  return mends;
}
